from benchmarks.base import machine
from benchmarks.base.machine import State, current_state, describe_machine, usable_cores
from edge.base.board import Condition


def test_this_machine():
    found = describe_machine()
    assert 1 <= found.usable_cores == usable_cores() <= found.cores
    assert found.memory > 1e8
    assert all((found.cpu, found.os, found.python, found.runtime, found.opencv))
    assert found.busy is None or 0 <= found.busy <= 1


def test_a_board_has_a_name_and_a_governor(tmp_path, monkeypatch):
    (tmp_path / "model").write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    (tmp_path / "governor").write_text("ondemand\n")
    monkeypatch.setattr(machine, "BOARD", tmp_path / "model")
    monkeypatch.setattr(machine, "GOVERNOR", tmp_path / "governor")
    found = describe_machine()
    assert (found.board, found.governor) == ("Raspberry Pi 5 Model B Rev 1.0", "ondemand")


def test_what_cannot_be_read_is_none(tmp_path, monkeypatch):
    for name in ("BOARD", "GOVERNOR", "CPU_INFO", "CPU_TIMES"):
        monkeypatch.setattr(machine, name, tmp_path / "missing")
    found = describe_machine()
    assert (found.board, found.governor, found.busy) == (None, None, None)
    assert found.cpu


def test_the_state_is_that_of_now(tmp_path, monkeypatch):
    (tmp_path / "governor").write_text("powersave\n")
    monkeypatch.setattr(machine, "GOVERNOR", tmp_path / "governor")
    monkeypatch.setattr(machine, "read_condition", lambda: Condition(61.5, slowed=True))
    assert current_state() == State("powersave", 61.5, True)
