"""Faults that reach `emotion-edge run` from outside: its source, its disk, a signal."""

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks import camera
from benchmarks.pipeline import edge_command
from benchmarks.process import ROOT, fed_by, restricted_to
from edge.bundle import Bundle

SIZE, FPS, WHOLE = (640, 480), 30.0, 2.0
"""Of the camera, and the seconds for which it is as it should be."""

PATIENCE = 20.0
"""Seconds after which what should have happened counts as a bug of the measurement."""

NO_CAMERA, FULL_DISK = "/dev/video-none", "/dev/full"


@dataclass(frozen=True)
class Seen:
    """One run with a fault; see `benchmarks.faults.Fault`."""

    outcome: str
    noticed: float | None
    recovered: float | None
    lost: int | None
    growth: int


class Run:
    """A command that is being followed.

    Attributes:
        began: when it was started, seconds of the monotonic clock, as all moments here.
        records: the moment of each line on standard output, and the bytes of RAM that the process had then.
        told: the moment of each line on standard error.
    """

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.began, self.process = time.monotonic(), process
        self.records: list[tuple[float, int]] = []
        self.told: list[float] = []
        self._threads = [threading.Thread(target=follow, daemon=True) for follow in (self._records, self._words)]
        for thread in self._threads:
            thread.start()

    def answer(self, frames: int) -> None:
        """Wait until so many are answered, by a process that is still there."""
        end = time.monotonic() + PATIENCE
        while len(self.records) < frames or self.process.poll() is not None:
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError(f"the edge answered {len(self.records)} frames, not {frames}")
            time.sleep(0.005)

    def end(self, since: float, lost: int | None = None) -> Seen:
        """Wait for the end, which the process may have come to because of what was done to it at `since`."""
        status = self.process.wait(PATIENCE)
        ended = time.monotonic()
        for thread in self._threads:
            thread.join(PATIENCE)
        noticed = next((moment for moment in self.told if moment >= since), ended)
        before = [memory for moment, memory in self.records if moment <= since]
        growth = self.records[-1][1] - before[-1] if before else 0
        return Seen(f"ends with status {status}", noticed - since, None, lost, growth)

    def _records(self) -> None:
        assert self.process.stdout is not None
        memory, statm = 0, Path(f"/proc/{self.process.pid}/statm")
        for _ in self.process.stdout:
            with suppress(OSError):  # it may have ended with lines in the pipe
                memory = int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") or memory
            self.records.append((time.monotonic(), memory))

    def _words(self) -> None:
        assert self.process.stderr is not None
        for _ in self.process.stderr:
            self.told.append(time.monotonic())


def _absent(bundle: Bundle, clip: Path, cores: int) -> Seen:
    """The time from the start of the process is all there is."""
    with _edge(bundle, NO_CAMERA, (), cores) as run:
        return run.end(run.began)


def _cut_off(bundle: Bundle, clip: Path, cores: int) -> Seen:
    """A recording of which two thirds are missing; from the last frame that it had."""
    with tempfile.TemporaryDirectory() as folder:
        damaged = Path(folder) / "damaged.avi"
        _write_damaged(damaged)
        with _edge(bundle, str(damaged), (), cores) as run:
            run.process.wait(PATIENCE)
            time.sleep(0.1)  # for the last lines
            last = max((moment for moment, _ in run.records), default=run.began)
            return run.end(last)


def _silent(bundle: Bundle, clip: Path, cores: int) -> Seen:
    """The camera's program sends no more, and does not end either; nothing that it sent is lost."""
    reading, writing = os.pipe()
    try:
        with _edge(bundle, "-", camera.as_options(SIZE, FPS), cores, reading) as run:
            os.close(reading)  # or the camera would wait for ever where the edge has ended
            subprocess.run(camera.command(clip, SIZE, FPS, WHOLE), stdout=writing, cwd=ROOT, check=True)
            run.answer(1)
            return run.end(time.monotonic())
    finally:
        os.close(writing)


def _disk_full(bundle: Bundle, clip: Path, cores: int) -> Seen:
    """There is no room for the first record; the start of the process is in the time."""
    options = [*camera.as_options(SIZE, FPS), "--jsonl", FULL_DISK]
    with _camera(clip) as stdin, _edge(bundle, "-", options, cores, stdin) as run:
        return run.end(run.began)


def _terminated(bundle: Bundle, clip: Path, cores: int) -> Seen:
    """What was taken is answered; what a stage was too slow for before is no loss of this fault's."""
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        options = [*camera.as_options(SIZE, FPS), "--summary", str(summary)]
        with _camera(clip) as stdin, _edge(bundle, "-", options, cores, stdin) as run:
            run.answer(int(WHOLE * FPS))
            sent = time.monotonic()
            run.process.send_signal(signal.SIGTERM)
            run.process.wait(PATIENCE)
            counts = json.loads(summary.read_text())["counts"]
            dropped = counts["dropped.detection"] + counts["dropped.classification"]
            return run.end(sent, counts["captured"] - counts["frames"] - dropped)


FAULTS: dict[str, Callable[[Bundle, Path, int], Seen]] = {
    "camera absent": _absent,
    "recording cut off": _cut_off,
    "frames stop, the pipe stays": _silent,
    "disk full at the start": _disk_full,
    "SIGTERM": _terminated,
}


@contextmanager
def _edge(
    bundle: Bundle, source: str, options: Sequence[str], cores: int, stdin: int = subprocess.DEVNULL
) -> Iterator[Run]:
    """The command, with its records on standard output; it does not outlive the block."""
    command = [*edge_command(source, bundle.folder, bundle.variant), "--jsonl", "-", *options]  # the last one counts
    with restricted_to(cores):
        process = subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    with process:
        try:
            yield Run(process)
        finally:
            process.kill()


def _camera(clip: Path) -> AbstractContextManager[int]:
    """A camera that is there for as long as anybody waits."""
    return fed_by(camera.command(clip, SIZE, FPS, PATIENCE))


def _write_damaged(path: Path) -> None:
    """The first third of a file of two seconds."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (320, 240))
    noise = np.random.default_rng(0)
    for _ in range(int(WHOLE * FPS)):
        writer.write(noise.integers(0, 256, (240, 320, 3), np.uint8))
    writer.release()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
