"""Faults of a camera's device, of an output and of a stage, in a pipeline on a generated camera.

    python -m benchmarks.faulty_pipeline FAULT FOLDER VARIANT ANSWER

is the process in which one of them happens; it leaves what was seen in the file ANSWER.
"""

import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from benchmarks.faulty_command import FPS, PATIENCE, WHOLE, Seen
from benchmarks.soak import FailingCamera, held, moving_scenes
from edge.frames import Frame
from edge.machine import spare_cores
from edge.options import Options
from edge.pipeline import Pipeline
from edge.quiet import quiet_libraries
from edge.recognize import Found, Recognizer
from edge.results import FrameResult

ENDLESS = sys.maxsize

SPELL = 2.0
"""Seconds of what ends by itself: noise, and an output that takes nothing."""

FOREVER = threading.Event()
"""Is never set: nothing interrupts a driver."""

AFTERWARDS = 1.0
"""Seconds for which a run goes on once all is well again."""


@dataclass
class Trouble:
    """The course of a fault, in seconds of the monotonic clock.

    Attributes:
        began: when it did.
        noticed: when it was told of, or counted.
        over: when its cause was out of the way.
        recovered: when a frame was answered that came after that.
    """

    began: float | None = None
    noticed: float | None = None
    over: float | None = None
    recovered: float | None = None

    def begin(self) -> None:
        self.began = self.began or time.monotonic()

    def notice(self) -> None:
        if self.began is not None:
            self.noticed = self.noticed or time.monotonic()

    def look(self, result: FrameResult) -> None:
        """Whether this is the first good result."""
        if self.over is not None and result.frame.arrived >= self.over:
            self.recovered = self.recovered or time.monotonic()

    def since(self, moment: float | None) -> float | None:
        """Seconds from the beginning."""
        assert self.began is not None, "a run is long enough for its fault"
        return None if moment is None else moment - self.began


class Ear(logging.Handler):
    """Hears the first warning."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(logging.WARNING)
        self._trouble = trouble

    def emit(self, record: logging.LogRecord) -> None:
        self._trouble.notice()


Fault = Callable[[Frame, Trouble], Frame | None]
"""What a read gives, from the last good frame on."""


class FaultyCamera(FailingCamera):
    """As it should be for a while; then its fault says what it gives."""

    def __init__(self, scenes: list[np.ndarray], clock: Iterator[int], trouble: Trouble, fault: Fault) -> None:
        super().__init__(scenes, round(WHOLE * FPS), clock, FPS)
        self._trouble, self._fault = trouble, fault
        self._last: Frame | None = None

    def read(self) -> Frame | None:
        if self._trouble.over is not None:
            self._frames = ENDLESS
        if (frame := super().read()) is not None:
            self._last = frame
            return frame
        assert self._last is not None, "it was as it should be for a while"
        self._trouble.begin()
        return self._fault(replace(self._last, arrived=time.monotonic()), self._trouble)


def _lost(last: Frame, trouble: Trouble) -> None:
    """The device is gone."""


def _hang(last: Frame, trouble: Trouble) -> None:
    FOREVER.wait()


def _freeze(last: Frame, trouble: Trouble) -> Frame:
    time.sleep(1 / FPS)
    return last


def _noise(last: Frame, trouble: Trouble) -> Frame:
    """As of a cable that is loose."""
    time.sleep(1 / FPS)
    if time.monotonic() - (trouble.began or 0) > SPELL:
        trouble.over = time.monotonic()
    return replace(last, image=np.random.default_rng().integers(0, 256, last.image.shape, np.uint8))


def camera_fails(fault: Fault, recognizer: Recognizer) -> Seen:
    """A camera that is opened again, or comes to itself; the frames of all that time are lost."""
    trouble, scenes, clock = Trouble(), moving_scenes(), count()
    logging.getLogger("edge.capture").addHandler(Ear(trouble))

    def reopen() -> FailingCamera:
        trouble.over = time.monotonic()
        return FailingCamera(scenes, ENDLESS, clock, FPS)

    with Pipeline(FaultyCamera(scenes, clock, trouble, fault), recognizer, reopen=reopen) as pipeline:
        outcome, growth = _follow(pipeline, trouble, trouble.look)
    recovered = trouble.since(trouble.recovered)
    return Seen(outcome, trouble.since(trouble.noticed), recovered, round((recovered or PATIENCE) * FPS), growth)


class BlockedOutput:
    """Takes nothing for a while."""

    name = "blocked"
    complete = False

    def __init__(self, trouble: Trouble) -> None:
        self._trouble, self._written = trouble, 0

    def __enter__(self) -> "BlockedOutput":
        return self

    def write(self, result: FrameResult) -> None:
        self._written += 1
        if self._written == WHOLE * FPS:
            self._trouble.begin()
            time.sleep(SPELL)
            self._trouble.over = time.monotonic()
        self._trouble.look(result)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """There is nothing to close."""


def output_blocks(recognizer: Recognizer) -> Seen:
    """The run goes on without it, and counts what it lost."""
    trouble = Trouble()

    def look(result: FrameResult) -> None:
        if pipeline.statistics.counts()["dropped.blocked"]:
            trouble.notice()

    with Pipeline(_camera(), recognizer, [BlockedOutput(trouble)]) as pipeline:
        outcome, growth = _follow(pipeline, trouble, look)
    lost = pipeline.statistics.counts()["dropped.blocked"]
    return Seen(outcome, trouble.since(trouble.noticed), trouble.since(trouble.recovered), lost, growth)


class StageError(Exception):
    """Nobody expects it."""


def stage_fails(recognizer: Recognizer) -> Seen:
    """It ends the run, which the caller learns by the same exception; what was on its way is lost."""
    trouble, read, answered = Trouble(), recognizer.read, count()

    def fail(found: Found) -> FrameResult:
        if next(answered) >= WHOLE * FPS:
            trouble.begin()
            raise StageError
        return read(found)

    recognizer.read = fail  # type: ignore[method-assign]
    before = held().memory
    with suppress(StageError), Pipeline(_camera(), recognizer) as pipeline:
        for _ in pipeline:
            before = before if trouble.began else held().memory
    trouble.notice()
    counts, growth = pipeline.statistics.counts(), held().memory - before
    lost = counts["captured"] - counts["frames"]
    return Seen("ends with the exception", trouble.since(trouble.noticed), None, lost, growth)


def _camera() -> FailingCamera:
    return FailingCamera(moving_scenes(), ENDLESS, count(), FPS)


def _follow(pipeline: Pipeline, trouble: Trouble, look: Callable[[FrameResult], None]) -> tuple[str, int]:
    """Take results until some time after the recovery; what became of the run, and how much it grew meanwhile."""
    before, end = 0, time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if (result := pipeline.poll(0.1)) is not None:
            look(result)
        if trouble.began is None:
            before = held().memory
        if trouble.recovered is not None and time.monotonic() > trouble.recovered + AFTERWARDS:
            return "goes on", held().memory - before
    return "does not come back", held().memory - before


FAULTS: dict[str, Callable[[Recognizer], Seen]] = {
    "camera lost": partial(camera_fails, _lost),
    "read never returns": partial(camera_fails, _hang),
    "picture frozen": partial(camera_fails, _freeze),
    "frames of noise, 2 s": partial(camera_fails, _noise),
    "output blocks, 2 s": output_blocks,
    "exception in a stage": stage_fails,
}


def main() -> int:
    """Be the process in which it happens."""
    fault, folder, variant, answer = sys.argv[1], Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    quiet_libraries()
    cv2.setNumThreads(spare_cores())  # as `emotion-edge run`
    recognizer = Recognizer.from_options(Options(model=folder, variant=variant))
    answer.write_text(json.dumps(asdict(FAULTS[fault](recognizer))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
