"""Programs: their facts, their end, and the limits on them."""

import json
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from edge.base.errors import UserError
from edge.base.settings import Program
from edge.outputs.rules.conditions import Trigger
from edge.outputs.rules.program import MAX_PROGRAMS, RunProgram

from ...patience import LONG, patiently

TRIGGER = Trigger("smile", "expression", 1000.5, "porch", face=3, expression="happy; rm -rf $HOME", faces=2)


def run(*command, stop=None, slots=None, timeout=LONG):
    action = RunProgram(Program(tuple(map(str, command)), timeout), slots or threading.BoundedSemaphore(MAX_PROGRAMS))
    action.run(TRIGGER, stop or threading.Event())


def python(code, *arguments):
    return (sys.executable, "-c", code, *arguments)


def is_alive(pid):
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    return False


WRITE = "import json, os, sys; json.dump(dict(os.environ), open(sys.argv[1], 'w'))"


def test_the_facts_are_in_the_environment_and_secrets_are_not(tmp_path, monkeypatch):
    monkeypatch.setenv("EMOTION_EDGE_MQTT_PASSWORD", "hidden")
    monkeypatch.setenv("OTHER", "stays")
    run(*python(WRITE, tmp_path / "found"))
    found = json.loads((tmp_path / "found").read_text())
    assert {name: value for name, value in found.items() if name.startswith("EMOTION_EDGE_")} == {
        "EMOTION_EDGE_RULE": "smile",
        "EMOTION_EDGE_WHEN": "expression",
        "EMOTION_EDGE_T": "1000.5",
        "EMOTION_EDGE_CAMERA": "porch",
        "EMOTION_EDGE_FACE": "3",
        "EMOTION_EDGE_EXPRESSION": "happy; rm -rf $HOME",
        "EMOTION_EDGE_FACES": "2",
    }
    assert found["OTHER"] == "stays"


def test_arguments_are_words_and_no_shell(tmp_path):
    run(*python("import sys; open(sys.argv[1], 'w').write(sys.argv[2])", tmp_path / "found", "$HOME; exit 3"))
    assert (tmp_path / "found").read_text() == "$HOME; exit 3"


@pytest.mark.parametrize(
    ("code", "told"),
    [("raise SystemExit(3)", "ended with status 3"), ("import os; os.kill(os.getpid(), 9)", "ended by signal 9")],
)
def test_a_failure_is_told(code, told):
    with pytest.raises(UserError, match=told):
        run(*python(code))


def test_a_program_that_is_gone_is_told():
    with pytest.raises(OSError, match="No such file"):
        run("/nowhere/program")


FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1] + ".part", "w").write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(600)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no list of processes here")
@pytest.mark.parametrize("why", ["time-out", "stop"])
def test_a_program_that_hangs_is_killed_with_its_children(tmp_path, why):
    stop, told = threading.Event(), []

    def act():
        try:
            run(*python(FAMILY, tmp_path / "pids"), stop=stop, timeout=LONG if why == "stop" else 3.0)
        except UserError as error:
            told.append(str(error))

    thread = threading.Thread(target=act)
    thread.start()
    if why == "stop":
        patiently((tmp_path / "pids").exists)
        stop.set()
    thread.join(LONG)
    assert not thread.is_alive()
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    patiently(lambda: not any(map(is_alive, pids)))
    assert [text for text in told if "and was killed" in text] == told
    assert len(told) == (why == "time-out")


def test_programs_wait_for_a_place_and_give_it_back():
    slots, stop = threading.BoundedSemaphore(1), threading.Event()
    run(*python(""), slots=slots)
    slots.acquire()
    thread = threading.Thread(target=run, args=python(""), kwargs={"slots": slots, "stop": stop})
    thread.start()
    thread.join(0.2)
    assert thread.is_alive(), "there is no place"
    stop.set()
    thread.join(LONG)
    assert not thread.is_alive()
    slots.release()
    with suppress(UserError):
        run(*python("raise SystemExit(1)"), slots=slots)
    assert slots.acquire(blocking=False)
