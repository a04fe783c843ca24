"""A camera of the kernel's for real: the driver vivid, in a machine that QEMU emulates.

Runs where `make test-v4l2` puts it, and is skipped elsewhere. vivid's webcam has a webcam's sizes and rates and can be
unplugged; it has no MJPG, and the emulation no speed worth looking at.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge.base.errors import UserError
from edge.base.settings import Capture
from edge.pipeline.pipeline import Pipeline
from edge.sources import list_sources, open_source
from tests.edge.patience import patiently
from tests.edge.source_suite import Promise, SourceSuite
from tests.edge.stand_ins import KeepingOutput, ScriptedRecognizer

DRIVER = Path("/sys/bus/platform/drivers/vivid")
DEVICE = "vivid.0"

pytestmark = pytest.mark.skipif(not DRIVER.is_dir(), reason="only where 'make test-v4l2' has loaded the driver vivid")

SMALL = Capture(size=(320, 180), fps=15.0)

NOTICED = 5.0
"""Seconds within which a loss is to be told."""

EMULATED = 120.0
"""Seconds that a program gets to start: the processor is an emulated one."""


def v4l2(*words):
    """Return the output of v4l2-ctl for the camera."""
    done = subprocess.run(["v4l2-ctl", "-d0", *words], capture_output=True, text=True, timeout=EMULATED, check=True)
    fields = (line.split(":", 1) for line in done.stdout.splitlines() if ":" in line)
    return {name.strip(): value.strip() for name, value in fields}


@pytest.fixture
def source():
    opened = open_source("0", SMALL)
    yield opened
    opened.close()


def test_it_is_listed():
    assert list_sources() == [("/dev/video0", "vivid-000-vid-cap")]


class TestProtocol(SourceSuite):
    """Tests that all sources pass."""

    @pytest.fixture
    def opened(self, source):
        return source, Promise("camera 0", True, 15.0, 10, None, (180, 320, 3), endless=True)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(Capture(size=(640, 360), fps=10.0), id="what it can do"),
        pytest.param(Capture(size=(600, 300), fps=7.0), id="what it cannot"),
    ],
)
def test_what_the_driver_granted_is_what_is_told_and_given(caplog, asked):
    caplog.set_level("INFO")
    source = open_source("0", asked)
    given = v4l2("--get-fmt-video", "--get-parm")
    shape = source.read().image.shape
    source.close()
    assert given["Width/Height"] == "640/360"
    assert given["Frames per second"].startswith("10.000")
    letters = given["Pixel Format"].split("'")[1].strip()
    assert letters != "MJPG", "which was asked for, and this driver does not have"
    assert f"camera 0 gives 640x360, {letters}, 10 a second" in caplog.text
    assert (shape, source.fps) == ((360, 640, 3), 10.0)


def open_files():
    return len([*Path("/proc/self/fd").iterdir()])


def test_it_can_be_opened_again_and_no_file_is_left():
    before = open_files()
    for _ in range(5):
        opened = open_source("0", SMALL)
        assert opened.read() is not None
        opened.close()
    assert open_files() == before


def disconnect():
    """As a plug that is out for a moment: nobody gets anything more of the device until it was closed."""
    v4l2("--set-ctrl", "disconnect=1")


def unplug():
    (DRIVER / "unbind").write_text(DEVICE)


def plug_in():
    (DRIVER / "bind").write_text(DEVICE)


@pytest.fixture
def running(no_threads_left):
    """A pipeline on the camera, and what came of it: numbers of frames, and statistics."""
    kept, recognizer = KeepingOutput(), ScriptedRecognizer()
    pipeline = Pipeline(open_source("0", SMALL), recognizer, [kept], lambda: open_source("0", SMALL))
    with pipeline:
        drained = threading.Thread(target=lambda: list(pipeline))
        drained.start()
        patiently(lambda: len(kept.seqs) > 5)
        yield kept.seqs, lambda name: recognizer.statistics.counts().get(name, 0)
        pipeline.stop()
        drained.join()


def goes_on(seqs):
    """Frames come, and their numbers go on."""
    count = len(seqs)
    patiently(lambda: len(seqs) > count + 5, EMULATED)
    assert seqs == sorted(set(seqs))


def test_a_moment_without_the_plug(running):
    seqs, counted = running
    disconnect()
    patiently(lambda: counted("source.lost") == 1, NOTICED)
    patiently(lambda: counted("source.back") == 1, EMULATED)
    goes_on(seqs)


def test_unplugged_and_plugged_in_again(running):
    seqs, counted = running
    unplug()
    try:
        patiently(lambda: counted("source.lost") == 1, NOTICED)
        assert not Path("/dev/video0").exists()
        patiently(lambda: counted("source.unopened"), EMULATED)
    finally:
        plug_in()
    patiently(lambda: counted("source.back") == 1, EMULATED)
    goes_on(seqs)


def test_a_camera_that_gives_nothing_more_though_it_stays(running):
    seqs, counted = running
    v4l2("--set-ctrl", "percentage_of_dropped_buffers=100")
    try:
        patiently(lambda: counted("source.lost") == 1, NOTICED)
    finally:
        v4l2("--set-ctrl", "percentage_of_dropped_buffers=0")
    patiently(lambda: counted("source.back") == 1, EMULATED)
    goes_on(seqs)


def test_in_one_process_the_second_is_refused_and_the_first_goes_on(source):
    with pytest.raises(UserError, match=rf"camera 0: in use by .+ \(process {os.getpid()}\)") as caught:
        open_source("0", SMALL)
    assert "--wait-for-camera" in caught.value.remedy
    assert all(source.read() is not None for _ in range(5))


@pytest.fixture
def edge():
    """`edge(*words)` starts the whole edge on the camera; it searches seldom, for the processor is a slow one."""
    processes = []

    def start(*words):
        capture = ["--size", "320x180", "--fps", "5", "--detect-interval-ms", "60000"]
        command = [sys.executable, "-m", "edge", "run", "0", "--no-window", *capture, *words]
        processes.append(subprocess.Popen(command, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def records(path):
    """Return the whole records of a file."""
    return [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]


def test_two_instances_on_one_camera(tmp_path, yunet, edge):
    """One has the camera, the next is told so and ends, a third waits and has it afterwards."""
    files = [tmp_path / f"{name}.jsonl" for name in ("first", "second", "third")]
    first = edge("--jsonl", files[0])
    patiently(lambda: files[0].exists() and records(files[0]), EMULATED)
    taken = f"camera 0: in use by {Path(sys.executable).name} (process {first.pid})"

    second = edge("--jsonl", files[1])
    _, said = second.communicate(timeout=EMULATED)
    assert second.returncode == 2
    assert said.startswith(f"emotion-edge: {taken}: ")
    assert said.count("\n") == 1
    assert not files[1].exists()

    third = edge("--wait-for-camera", "--jsonl", files[2])
    assert f"{taken}; waiting for it" in next(third.stderr)
    undisturbed = len(records(files[0]))
    patiently(lambda: len(records(files[0])) > undisturbed, EMULATED)
    for process, file in ((first, files[0]), (third, files[2])):
        patiently(lambda file=file: file.exists() and records(file), EMULATED)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=EMULATED)
        assert process.returncode == 0
        numbers = [record["seq"] for record in records(file)]
        assert numbers == sorted(set(numbers))
