"""A simulated board that heats up with its work is kept from slowing down, and gets its work back."""

import threading
from types import SimpleNamespace

import pytest

from edge.base import board
from edge.base.board import Condition
from edge.base.run_statistics import Statistics
from edge.pipeline.faults import Faults
from edge.pipeline.governor import COOL, HOT, LATE, LEVELS, PERIOD, PROMPT, REDUCE_AFTER, RESUME_AFTER, Governor


class Board:
    """A processor in a case: each level's work warms it towards a temperature of its own."""

    def __init__(self, ends=(85.0, 74.0, 66.0, 60.0), slowness=40.0):
        self.level, self.temperature, self._ends, self._slowness = 0, 50.0, ends, slowness
        self.changes, self.age = [], None

    def condition(self):
        self.temperature += (self._ends[self.level] - self.temperature) * PERIOD / self._slowness
        return Condition(self.temperature, slowed=self.temperature >= 80)

    def apply(self, level):
        self.level = level
        self.changes.append(level)


def simulated(board_, seconds):
    """The board's temperatures under a governor, every `PERIOD` seconds."""
    governor, temperatures = Governor(board_.condition, lambda: board_.age, board_.apply), []
    for i in range(int(seconds / PERIOD)):
        governor.update(i * PERIOD)
        temperatures.append(board_.temperature)
    return temperatures


def test_a_board_that_would_overheat_never_slows_down():
    hot = Board()
    assert max(simulated(hot, 3600)) < 80
    assert hot.changes[0] == 1
    without = Board()
    assert max(without.condition().temperature for _ in range(1800)) > 80


def test_levels_swing_less_and_less_where_none_is_right():
    """One level is too much for this board and the next cools it well: it tries again at growing intervals."""
    swinging = Board(ends=(85.0, 66.0, 60.0, 60.0))
    simulated(swinging, 3600)
    first_hour = len(swinging.changes)
    assert 4 <= first_hour <= 16
    assert set(swinging.changes) == {0, 1}


def test_a_board_that_has_cooled_gets_its_work_back():
    cooled = Board(ends=(60.0, 60.0, 60.0, 60.0))
    cooled.temperature = 90.0
    simulated(cooled, 600)
    assert max(cooled.changes) > 0
    assert cooled.level == 0


def steps(readings):
    """Levels after looks at (seconds, condition, frame age)."""
    now = {}
    governor = Governor(lambda: now["condition"], lambda: now["age"], lambda level: None)
    levels = []
    for time, condition, age in readings:
        now.update(condition=condition, age=age)
        governor.update(time)
        levels.append(governor.level)
    return levels


WELL, WARM, TOO_HOT = Condition(COOL - 1), Condition((HOT + COOL) / 2), Condition(HOT + 1)


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        pytest.param([(0, WELL, 0.02), (99, WELL, 0.02)], [0, 0], id="well"),
        pytest.param([(0, TOO_HOT, None), (REDUCE_AFTER, TOO_HOT, None)], [0, 1], id="hot"),
        pytest.param(
            [(0, TOO_HOT, None), (1, WARM, None), (REDUCE_AFTER, TOO_HOT, None)], [0, 0, 0], id="hot for moments"
        ),
        pytest.param(
            [(i * REDUCE_AFTER, TOO_HOT, None) for i in range(6)], [0, 1, 2, 3, 3, 3], id="step by step to the last"
        ),
        pytest.param(
            [(0, Condition(None), LATE + 0.1), (REDUCE_AFTER, Condition(None), LATE + 0.1)], [0, 1], id="late"
        ),
        pytest.param(
            [(0, Condition(40, slowed=True), 0), (REDUCE_AFTER, Condition(40, slowed=True), 0)], [0, 1], id="slowed"
        ),
        pytest.param(
            [(0, TOO_HOT, 0), (REDUCE_AFTER, TOO_HOT, 0), (20, WELL, 0), (20 + RESUME_AFTER, WELL, 0)],
            [0, 1, 1, 0],
            id="back when well",
        ),
        pytest.param(
            [(0, TOO_HOT, 0), (REDUCE_AFTER, TOO_HOT, 0), (20, WARM, 0), (500, WARM, 0)],
            [0, 1, 1, 1],
            id="not back while warm",
        ),
        pytest.param(
            [(0, TOO_HOT, 0), (REDUCE_AFTER, TOO_HOT, 0), (20, WELL, PROMPT + 0.1), (500, WELL, PROMPT + 0.1)],
            [0, 1, 1, 1],
            id="not back while rather late",
        ),
        pytest.param(
            [(0, Condition(None), None), (500, Condition(None), None)], [0, 0], id="a machine that tells nothing"
        ),
    ],
)
def test_steps(readings, expected):
    assert LEVELS == 4
    assert steps(readings) == expected


def test_it_ends_when_told_to():
    stop = threading.Event()
    stop.set()
    Governor(lambda: pytest.fail("it looked"), lambda: None, lambda level: None).run(stop, Faults(Statistics()))


class TestReadings:
    @pytest.fixture
    def zones(self, tmp_path, monkeypatch):
        monkeypatch.setattr(board, "THERMAL", tmp_path)
        monkeypatch.setattr(board, "FIRMWARE", tmp_path / "get_throttled")
        monkeypatch.setattr(board.shutil, "which", lambda name: None)

        def add(number, kind, content):
            (tmp_path / f"thermal_zone{number}").mkdir()
            (tmp_path / f"thermal_zone{number}" / "type").write_text(f"{kind}\n")
            (tmp_path / f"thermal_zone{number}" / "temp").write_text(content)

        return add

    def test_the_processors_hottest_zone_counts(self, zones):
        zones(0, "cpu-thermal", "61234\n")
        zones(1, "cpu1-thermal", "64000\n")
        zones(2, "battery", "90000\n")
        assert board.read_condition() == Condition(64.0)

    def test_what_cannot_be_read_is_taken_for_well(self, zones):
        zones(0, "cpu-thermal", "asleep\n")
        assert board.read_condition() == Condition(None, slowed=False, undervoltage=False)

    @pytest.mark.parametrize(
        ("flags", "slowed", "undervoltage"),
        [("0", False, False), ("1", False, True), ("4", True, False), ("50005", True, True), ("50000", False, False)],
    )
    def test_the_firmwares_flags(self, zones, tmp_path, flags, slowed, undervoltage):
        (tmp_path / "get_throttled").write_text(f"{flags}\n")
        assert board.read_condition() == Condition(None, slowed, undervoltage)

    @pytest.mark.parametrize(("answer", "slowed"), [("throttled=0x4\n", True), ("throttled=0x0\n", False), ("", False)])
    def test_the_firmwares_program(self, zones, monkeypatch, answer, slowed):
        given = SimpleNamespace(stdout=answer)
        monkeypatch.setattr(board.shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(board.subprocess, "run", lambda command, **_: given)
        assert board.read_condition().slowed == slowed

    def test_a_program_that_hangs_is_not_waited_for(self, zones, monkeypatch, tmp_path):
        program = tmp_path / "vcgencmd"
        program.write_text("#!/bin/sh\nexec sleep 30\n")
        program.chmod(0o700)
        monkeypatch.setattr(board.shutil, "which", lambda name: str(program))
        monkeypatch.setattr(board, "ASKING", 0.2)
        assert board.read_condition() == Condition()
