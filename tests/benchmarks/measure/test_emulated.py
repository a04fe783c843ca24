"""Instructions of a frame on emulated boards; the emulator itself is run by `make test-arm64`."""

import pytest

from benchmarks.measure import emulated
from edge.base.errors import UserError


@pytest.fixture
def counter(tmp_path, monkeypatch):
    """Install a script in the place of the emulator."""

    def install(script):
        path = tmp_path / "instructions.sh"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(emulated, "COUNTER", path)

    return install


def test_a_frame_is_counted_on_each_processor_without_the_start(plan, counter):
    counter('case $1 in *72) each=300;; *) each=200;; esac; [ "$3" = int8 ] && echo $((1000000 + each * $4))')
    rows = emulated.measure_emulated(plan)
    assert rows == [{"name": "cortex-a72", "instructions": 300}, {"name": "cortex-a76", "instructions": 200}]
    assert "0.0" in emulated.BOARD_INSTRUCTIONS.text(rows)


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo first >&2; echo 'mmdebstrap is missing' >&2; exit 2", "status 2: mmdebstrap is missing"),
        ("exit 1", "status 1: it says nothing"),
        ("exec sleep 60", "did not finish 15 frames within 1 s"),
    ],
)
def test_what_keeps_the_emulator_from_counting_is_named(plan, counter, monkeypatch, script, problem):
    counter(script)
    monkeypatch.setattr(emulated, "EMULATION_TIMEOUT", 1)
    with pytest.raises(UserError, match=problem):
        emulated.measure_emulated(plan)
