"""SIGTERM, whatever the run is doing: it ends in time, with its summary and without a traceback."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..http_camera import HttpCamera, jpeg
from ..patience import STOPPED_WITHIN, patiently
from ..stand_ins import picture

ROOT = Path(__file__).parents[3]

pytestmark = [
    pytest.mark.usefixtures("yunet"),
    pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signals here"),
]


@pytest.fixture
def camera():
    sending = HttpCamera([jpeg(picture((level,) * 3)) for level in (60, 120)])
    yield sending
    sending.close()


@pytest.fixture
def started(tmp_path, bundle, camera):
    """`started(*arguments)` runs the edge on the camera; what it says is in `said.txt`."""
    processes = []

    def start(*arguments, **options):
        words = ["run", camera.address, "--model", bundle, "--no-window", "--summary", "summary.json", *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with (tmp_path / "said.txt").open("w") as said:
            command = [sys.executable, "-m", "edge", *map(str, words)]
            processes.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=said, **options))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def terminate(process, folder):
    """It ends in time, as if it had come to its end by itself."""
    process.send_signal(signal.SIGTERM)
    status = process.wait(STOPPED_WITHIN)
    said = (folder / "said.txt").read_text()
    assert status == 0, said
    assert "Traceback" not in said


def silent(camera, process, said):
    camera.sending = False
    time.sleep(0.5)


def away(camera, process, said):
    camera.close()
    patiently(lambda: "trying to open it again" in said.read_text())


def opened_again(camera, process, said):
    """It answers the first caller no more, nor the next."""
    camera.answering = False
    camera.hang_up()
    patiently(lambda: len(camera.callers) > 1)


def reloading(camera, process, said):
    process.send_signal(signal.SIGHUP)


@pytest.mark.parametrize("state", [silent, away, opened_again, reloading], ids=lambda state: state.__name__)
def test_a_run_that_has_begun_ends_with_its_summary(tmp_path, camera, started, state):
    process = started("--jsonl", "records.jsonl", stdout=subprocess.DEVNULL)
    records = tmp_path / "records.jsonl"
    patiently(lambda: records.exists() and records.read_text().count("\n") > 2)
    state(camera, process, tmp_path / "said.txt")
    terminate(process, tmp_path)
    answered = [json.loads(line) for line in records.read_text().splitlines()]
    assert json.loads((tmp_path / "summary.json").read_text())["counts"]["frames"] == len(answered)


def test_a_run_whose_output_nobody_takes(tmp_path, camera, started):
    """The pipe is full after some records, and the output hangs in it."""
    process = started("--jsonl", "-", stdout=subprocess.PIPE, pipesize=4096)
    patiently(lambda: camera.sent > 150)
    terminate(process, tmp_path)
    counts = json.loads((tmp_path / "summary.json").read_text())["counts"]
    assert counts["dropped.jsonl"] > 0


@pytest.mark.parametrize("arguments", [(), ("--wait-for-camera",)], ids=["", "waiting"])
def test_a_run_whose_camera_is_just_being_opened(tmp_path, camera, started, arguments):
    camera.answering = False
    process = started(*arguments)
    patiently(lambda: camera.callers)
    terminate(process, tmp_path)
    assert not (tmp_path / "summary.json").exists(), "what was never begun has none"
