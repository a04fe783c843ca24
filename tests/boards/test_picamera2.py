"""The Raspberry Pi's camera for real: Picamera2 and libcamera, whose virtual camera plays a folder of pictures.

Runs where `make test-picamera2` puts it, and is skipped elsewhere.
"""

import gc
import itertools
import threading
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("libcamera", reason="only where 'make test-picamera2' has built libcamera's virtual camera")

from tests.boards import shims

shims.install()

from edge.base.errors import UserError  # noqa: E402
from edge.base.settings import Capture, Options  # noqa: E402
from edge.faces.recognizer import Recognizer  # noqa: E402
from edge.pipeline.pipeline import Pipeline  # noqa: E402
from edge.sources import list_sources, open_source  # noqa: E402
from tests.edge.source_suite import Promise, SourceSuite  # noqa: E402

SMALL = Capture(size=(640, 480), preview_side=320)


def open_files():
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.fixture
def source():
    opened = open_source("picamera2", SMALL)
    yield opened
    opened.close()


def test_it_is_listed_and_chosen_by_itself():
    assert ("picamera2:0", "Virtual faces") in list_sources()
    chosen = open_source("auto", SMALL)
    assert chosen.name == "picamera2"
    chosen.close()


class TestProtocol(SourceSuite):
    """Tests that all sources pass."""

    @pytest.fixture
    def opened(self, source):
        return source, Promise("picamera2", True, None, 10, None, (480, 640, 3), endless=True)


def test_the_small_picture_is_the_large_one(source):
    frame = source.read()
    assert frame.preview.shape == (240, 320, 3)
    shrunk = frame.image.reshape(240, 2, 320, 2, 3).mean(axis=(1, 3))
    assert np.abs(shrunk - frame.preview).mean() < 6


def test_red_is_red(source):
    """The pictures that are played have a red patch in their corner."""
    for picture in ((frame := source.read()).image, frame.preview):
        corner = picture[4 : picture.shape[0] // 10, 4 : picture.shape[1] // 10]
        blue, green, red = corner.reshape(-1, 3).mean(axis=0)
        assert red > 200
        assert max(blue, green) < 60


def test_the_sensors_time_is_the_frames(source):
    before = time.time()
    for _ in range(5):
        assert abs(source.read().captured - before) < 5


def test_it_can_be_opened_again():
    for _ in range(3):
        opened = open_source("picamera2", SMALL)
        assert opened.read() is not None
        opened.close()


def test_nothing_is_kept_of_the_cameras_buffers(source):
    """A request that is not released starves the camera after a handful of frames."""
    for _ in range(300):
        assert source.read() is not None
    gc.collect()
    files = open_files()
    for _ in range(300):
        assert source.read() is not None
    assert open_files() <= files


def test_a_camera_that_is_taken_is_told(source):
    """By libcamera's own state; the virtual camera has no device that another process could hold."""
    with pytest.raises(UserError, match="picamera2: cannot be opened") as caught:
        open_source("picamera2", SMALL)
    assert "close other programs that use it" in caught.value.remedy
    assert source.read() is not None, "who has it is not disturbed"


def test_a_camera_that_is_not_there_is_told():
    with pytest.raises(UserError, match="picamera2:7: no such camera"):
        open_source("picamera2:7", SMALL)


def test_a_control_that_it_does_not_know_is_told_and_the_camera_is_free_again():
    with pytest.raises(UserError, match="cannot be started"):
        open_source("picamera2", Capture(size=(640, 480), controls={"NoSuchControl": 1}))
    open_source("picamera2", SMALL).close()


def test_the_whole_edge_on_it(yunet):
    """Faces of the pictures that are played are found in the small picture and read in the large one."""
    options = Options(model=Path(__file__).parents[2] / "models" / "default")
    before = threading.active_count()
    with Pipeline(open_source("picamera2", SMALL), Recognizer.from_options(options)) as pipeline:
        results = list(itertools.islice(pipeline, 60))
        pipeline.stop()
    with_faces = [result for result in results if result.faces]
    assert len(with_faces) > 50
    x, y, w, h = with_faces[-1].faces[0].box
    assert 0 <= x < x + w <= 640
    assert 0 <= y < y + h <= 480
    assert w > 50, "in pixels of the large picture"
    time.sleep(0.5)
    assert threading.active_count() <= before + 1, "Picamera2 keeps one thread for its cameras"
