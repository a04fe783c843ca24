from benchmarks.base import machine_description
from benchmarks.base.machine_description import current_state, describe_machine
from edge.base.board import Condition
from edge.base.machine import usable_cores


def test_this_machine():
    found = describe_machine()
    assert 1 <= found["usable_cores"] == usable_cores() <= found["cores"]
    assert found["memory"] > 1e8
    assert all(found[key] for key in ("cpu", "os", "python", "runtime", "opencv"))
    assert found["busy"] is None or 0 <= found["busy"] <= 1


def test_a_board_has_a_name_and_a_governor(tmp_path, monkeypatch):
    (tmp_path / "model").write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    (tmp_path / "governor").write_text("ondemand\n")
    monkeypatch.setattr(machine_description, "BOARD", tmp_path / "model")
    monkeypatch.setattr(machine_description, "GOVERNOR", tmp_path / "governor")
    monkeypatch.setattr(machine_description, "read_condition", lambda: Condition(61.5, slowed=True))
    found = describe_machine()
    assert (found["board"], found["governor"]) == ("Raspberry Pi 5 Model B Rev 1.0", "ondemand")
    assert current_state() == {"governor": "ondemand", "temperature": 61.5, "slowed": True}


def test_what_cannot_be_read_is_none(tmp_path, monkeypatch):
    for name in ("BOARD", "GOVERNOR", "CPU_INFO", "CPU_TIMES"):
        monkeypatch.setattr(machine_description, name, tmp_path / "missing")
    found = describe_machine()
    assert (found["board"], found["governor"], found["busy"]) == (None, None, None)
    assert found["cpu"]
