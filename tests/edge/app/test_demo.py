"""The demo's clip is a real person's; the portrait in its place moves, leaves, and comes back."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from edge.app import demo
from edge.app.demo import DEMO_FPS, DEMO_HEIGHT, DEMO_SECONDS, DEMO_WIDTH, write_demo_clip
from edge.base.errors import UserError
from edge.base.settings import Options, Smoothing
from edge.faces.detector import YuNet
from edge.faces.recognizer import Recognizer
from edge.sources import open_source


@pytest.fixture(scope="module")
def clip(portrait, tmp_path_factory):
    """Path of the clip."""
    path = tmp_path_factory.mktemp("demo") / "new" / "clip.mp4"
    write_demo_clip(path)
    return path


@pytest.fixture(scope="module")
def frames(clip):
    capture, images = cv2.VideoCapture(str(clip)), []
    while (got := capture.read())[0]:
        images.append(got[1])
    capture.release()
    return images


def test_the_clip_is_as_long_and_large_as_it_says(clip, frames):
    assert len(frames) == DEMO_FPS * DEMO_SECONDS == 200
    assert frames[0].shape == (DEMO_HEIGHT, DEMO_WIDTH, 3) == (480, 640, 3)
    assert cv2.VideoCapture(str(clip)).get(cv2.CAP_PROP_FPS) == DEMO_FPS
    assert list(clip.parent.iterdir()) == [clip]


def test_the_face_is_there_then_gone_then_back(frames, yunet):
    detector = YuNet(yunet, 320, 0.6)
    found = [len(detector.detect(frames[i])) for i in (0, 40, 80, 120, 160, 199)]
    assert found == [1, 1, 1, 0, 1, 1]


def test_the_picture_keeps_moving(frames):
    moves = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(frames)]
    assert min(moves[:100]) > 1, "the face is in sight"


def test_without_the_portrait_there_is_no_clip(tmp_path, monkeypatch):
    def fetch(asset):
        raise UserError("the demo portrait could not be fetched", "connect to the network once")

    monkeypatch.setattr(demo, "fetch", fetch)
    with pytest.raises(UserError, match="demo portrait"):
        write_demo_clip(tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_the_clip_of_a_person_is_taken_where_it_is_stored(tmp_path, demo_clip):
    assert demo.demo_clip(tmp_path) == demo_clip
    assert list(tmp_path.iterdir()) == []


def test_the_portrait_is_taken_where_the_clip_cannot_be_fetched(tmp_path, monkeypatch, caplog):
    def fetch(asset):
        raise UserError(f"the {asset.name} cannot be fetched", "connect to the network once")

    written = []
    monkeypatch.setattr(demo, "fetch", fetch)
    monkeypatch.setattr(demo, "write_demo_clip", written.append)
    assert demo.demo_clip(tmp_path) == tmp_path / "clip.mp4"
    assert written == [tmp_path / "clip.mp4"]
    assert caplog.messages == ["the demo clip cannot be fetched; a moving portrait takes its place"]


def test_the_shipped_model_reads_several_emotions_in_the_clip(yunet, demo_clip):
    recognizer, seen, frames = Recognizer.from_options(Options(smoothing=Smoothing(0))), set(), 0
    source = open_source(str(demo_clip))
    while frame := source.read():
        frames += 1
        if frame.seq % 8 == 0:
            seen |= {face.emotion for face in recognizer.classify(recognizer.detect(frame)).faces}
    source.close()
    assert frames == 472
    assert seen >= {"happy", "sad", "neutral", "surprise"}
