"""Run a program on a trigger."""

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress

from edge.base.errors import UserError
from edge.base.settings import Program
from edge.outputs.rules.conditions import Trigger

FACT_PREFIX = "EMOTION_EDGE_"
"""Beginning of the names of the variables with the facts; those that the run itself has, such as passwords, are not
passed on."""

MAX_PROGRAMS = 4
"""Most programs of all rules that run at one time."""

PROGRAM_CHECK_INTERVAL = 0.05
"""Seconds between two looks at a program that is running."""


class RunProgram:
    """Runs a program without a shell, and with the facts in its environment; one that takes too long is killed."""

    kind, pictures = "program", False

    def __init__(self, program: Program, slots: threading.Semaphore) -> None:
        """Prepare; `slots` limits the programs of all rules that run at one time."""
        self._program, self._slots = program, slots

    def run(self, trigger: Trigger, stop: threading.Event) -> None:
        while not self._slots.acquire(timeout=PROGRAM_CHECK_INTERVAL):
            if stop.is_set():
                return
        try:
            status = self._status(trigger, stop)
        finally:
            self._slots.release()
        if status:
            name = self._program.command[0]
            how = f"ended with status {status}" if status > 0 else f"was ended by signal {-status}"
            raise UserError(f"{name}: {how}", "run it by hand to see why")

    def close(self) -> None:
        """No program outlives its trigger."""

    def _status(self, trigger: Trigger, stop: threading.Event) -> int:
        process = subprocess.Popen(
            self._program.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment(trigger),
            start_new_session=True,  # a group of its own, with its children
        )
        end = time.monotonic() + self._program.timeout
        while process.poll() is None:
            if time.monotonic() >= end or stop.wait(PROGRAM_CHECK_INTERVAL):
                _kill(process)
                if stop.is_set():
                    return 0
                problem = f"{self._program.command[0]}: took more than {self._program.timeout:g} s and was killed"
                raise UserError(problem, "raise its timeout")
        return process.returncode


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill a program with its children."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:  # Windows, where its children stay
        process.kill()
    process.wait()


def environment(trigger: Trigger) -> dict[str, str]:
    """Return the environment of a program: that of the run without its own variables, and the facts that there are."""
    facts = {f"{FACT_PREFIX}{name.upper()}": str(value) for name, value in trigger.facts().items() if value is not None}
    return {name: value for name, value in os.environ.items() if not name.startswith(FACT_PREFIX)} | facts
