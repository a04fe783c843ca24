"""A progress line for people at a terminal, and now and then a line for those who read a log."""

import io
import logging
import sys

import pytest

from edge.base import progress
from edge.base.progress import LINE_EVERY, Progress


class Terminal(io.StringIO):
    """Stand-in for a terminal's screen: a line, and those above it."""

    def isatty(self):
        return True

    def shown(self):
        lines = []
        for line in self.getvalue().split("\n"):
            cells = ""
            for part in line.split("\r"):
                cells = part + cells[len(part) :]
            lines.append(cells.rstrip())
        return lines


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "70")


def after(clock, progress, seconds, done):
    clock.now = 100.0 + seconds
    progress.update(done)


def test_how_far_and_how_long_still(clock):
    terminal = Terminal()
    with Progress("clip.mp4", 400, "frames", terminal, clock) as progress:
        after(clock, progress, 1, 10)
        assert terminal.shown() == [""], "what is soon over is not worth a line"
        after(clock, progress, 5, 100)
        assert terminal.shown() == [" 25% clip.mp4: 100 of 400 frames, 0:05, 0:15 left |####             |"]
        after(clock, progress, 5.1, 102)
        assert "102" not in terminal.shown()[0], "no screen is redrawn for every frame"
        after(clock, progress, 3700, 400)
        assert "100% clip.mp4: 400 of 400 frames, 1:01:40, 0:00 left" in terminal.shown()[0]
    assert terminal.shown() == [""]


def test_bytes_of_a_length_that_nobody_knows(clock):
    terminal = Terminal()
    with Progress("fetching", None, "B", terminal, clock) as progress:
        after(clock, progress, 65, 1_500_000)
        assert terminal.shown() == ["fetching: 1.5 MB, 1:05"]


def test_without_a_terminal_it_is_a_line_now_and_then(clock):
    log = io.StringIO()
    with Progress("clip.mp4", 400, "frames", log, clock) as progress:
        for second in range(100):
            after(clock, progress, second, 4 * second)
    assert log.getvalue() == (
        " 30% clip.mp4: 120 of 400 frames, 0:30, 1:10 left\n"
        " 60% clip.mp4: 240 of 400 frames, 1:00, 0:40 left\n"
        " 90% clip.mp4: 360 of 400 frames, 1:30, 0:10 left\n"
    )
    assert LINE_EVERY == 30


def test_log_lines_stand_above_it(clock, monkeypatch):
    terminal = Terminal()
    root = logging.getLogger()
    before = list(root.handlers)
    handler = logging.StreamHandler(terminal)
    monkeypatch.setattr(root, "handlers", [handler])
    with Progress("clip.mp4", 400, "frames", terminal, clock) as progress:
        after(clock, progress, 5, 100)
        line = terminal.shown()[0]
        logging.getLogger("edge").warning("a camera is lost")
        progress.tell("a video is done")
        assert terminal.shown() == ["a camera is lost", "a video is done", line]
    assert root.handlers == [handler]
    assert terminal.shown() == ["a camera is lost", "a video is done", ""]
    monkeypatch.undo()
    assert root.handlers == before


def test_a_narrow_terminal(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    terminal = Terminal()
    with Progress("a long name of a clip.mp4", 400, "frames", terminal, clock) as progress:
        after(clock, progress, 5, 100)
        assert max(map(len, terminal.shown())) <= 19, "a line that wraps cannot be drawn over"


def test_it_goes_to_stderr(clock, capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    with Progress("clip.mp4", 2, "frames") as shown:
        shown.update(1)
    said = capsys.readouterr()
    assert "50% clip.mp4: 1 of 2 frames" in said.err
    assert said.out == ""
    assert sys.stderr.isatty() is False
