"""Give targets their inputs, one after the other, and record failures."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Protocol, Self

from tests.edge.patience import PATIENCE

ROOT = Path(__file__).parents[2]

BATCH = 200
"""Inputs after which a target is looked at as a whole."""

ACCEPTED, REFUSED, BUG = "accepted", "refused", "bug"
"""Outcomes; whatever is a `BUG` is printed."""


@dataclass(frozen=True)
class Outcome:
    """Outcome of an input.

    Attributes:
        kind: `ACCEPTED`, `REFUSED` or `BUG`.
        text: the refusal, or what is wrong.
        peak_mb: largest resident memory meanwhile, 0 where it is not known.
        seconds: how long it took.
    """

    kind: str
    text: str = ""
    peak_mb: float = 0
    seconds: float = 0


class Target(Protocol):
    """Something that takes what others send.

    Attributes:
        name: on the command line.
        share: of the inputs, where several targets run.
    """

    name: str
    share: float

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> None: ...

    def make(self, random: Random) -> bytes:
        """Make an input, always the same by the same `random`."""
        ...

    def give(self, content: bytes) -> Outcome:
        """Give it an input."""
        ...

    def check(self) -> Iterator[str]:
        """Look for what no single input shows: problems, a line each."""
        ...


@dataclass
class Report:
    """Outcomes of all inputs of a target."""

    name: str
    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    peak_mb: float = 0
    slowest: float = 0
    seconds: float = 0
    findings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.name:10} {self.inputs:7} inputs: {self.outcomes[ACCEPTED]} accepted, "
            f"{self.outcomes[REFUSED]} refused, {len(self.findings)} findings; peak {self.peak_mb:.0f} MB, "
            f"slowest {self.slowest:.1f} s, {self.seconds:.0f} s in all"
        )


def fuzz(
    target: Target, seed: int, numbers: range, until: float, keep: Path | None, say: Callable[[str], None] = print
) -> Report:
    """Give a target the inputs of these numbers, until Ctrl-C.

    Args:
        target: which is entered already.
        seed: with the number, it makes the input.
        numbers: of the inputs.
        until: moment of `time.monotonic` after which no input is given.
        keep: folder for the inputs that went wrong.
        say: prints a line.
    """
    report, started, first = Report(target.name), time.monotonic(), numbers.start
    try:
        for number in numbers:
            if time.monotonic() > until:
                break
            _try(report, target, seed, number, keep, say)
            if (number + 1 - first) % BATCH == 0:
                first = number + 1
                _look(report, target, f"--seed {seed} --first {first - BATCH} --inputs {BATCH}", say)
    except KeyboardInterrupt:
        say("interrupted")
    _look(report, target, f"--seed {seed} --first {first} --inputs {numbers.start + report.inputs - first}", say)
    report.seconds = time.monotonic() - started
    return report


def _try(report: Report, target: Target, seed: int, number: int, keep: Path | None, say: Callable[[str], None]) -> None:
    content = target.make(Random(f"{seed} {target.name} {number}"))
    outcome = target.give(content)
    _count(report, outcome)
    if outcome.kind == BUG:
        _found(report, f"{target.name} --seed {seed} --first {number} --inputs 1: {outcome.text}", say)
        _keep(keep, f"{target.name}-{seed}-{number}", content)


def _count(report: Report, outcome: Outcome) -> None:
    report.inputs += 1
    report.outcomes[outcome.kind] += 1
    report.peak_mb = max(report.peak_mb, outcome.peak_mb)
    report.slowest = max(report.slowest, outcome.seconds)


def _look(report: Report, target: Target, again: str, say: Callable[[str], None]) -> None:
    for problem in target.check():
        _found(report, f"{target.name} {again}: {problem}", say)


def _found(report: Report, finding: str, say: Callable[[str], None]) -> None:
    report.findings.append(finding)
    say(f"FOUND {finding}")


def _keep(folder: Path | None, name: str, content: bytes) -> None:
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


class Worker:
    """A process that takes inputs one at a time, and is started anew where one ends it.

    Attributes:
        deaths: how often it ended or had to be ended.
    """

    def __init__(self, module: str, timeout: float, *arguments: str, **environment: str) -> None:
        """Prepare; it starts with the first input.

        Args:
            module: the program, which calls `serve`.
            timeout: seconds for an input.
            arguments: of the program.
            environment: variables in addition.
        """
        self._command = [sys.executable, "-X", "faulthandler", "-m", module, *arguments]
        self._environment, self._timeout = environment, timeout * PATIENCE
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: Any = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this
        self.deaths = 0

    def ask(self, content: bytes) -> Outcome:
        """Have an input tried."""
        started = time.monotonic()
        process = self._running()
        assert process.stdin and process.stdout
        with suppress(BrokenPipeError):
            process.stdin.write(len(content).to_bytes(4, "big") + content)
            process.stdin.flush()
        line = process.stdout.readline() if select.select([process.stdout], [], [], self._timeout)[0] else None
        seconds = time.monotonic() - started
        if line:
            answer = json.loads(line)
            return Outcome(answer["kind"], answer["text"], answer["peak_mb"], seconds)
        if line is None:
            process.kill()
        reason = f"no answer in {self._timeout:.0f} s" if line is None else f"the process ended ({process.wait()})"
        self.close()
        self.deaths += 1
        self._errors.seek(0)
        return Outcome(BUG, f"{reason} {self._errors.read()[-3000:].decode(errors='replace')}", 0, seconds)

    def close(self) -> None:
        """End the process; the next input starts another."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            self._errors.seek(0)
            self._errors.truncate()
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=os.environ | self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
            )
        return self._process


def serve(answer: Callable[[bytes], tuple[str, str]]) -> None:
    """Answer the inputs on standard input until it ends; in a `Worker`.

    Args:
        answer: makes the kind of an outcome and its text; an exception is a `BUG`.
    """
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    while len(head := sys.stdin.buffer.read(4)) == 4:
        content = sys.stdin.buffer.read(int.from_bytes(head, "big"))
        _forget_peak()
        try:
            kind, text = answer(content)
        except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
            kind, text = BUG, traceback.format_exc()
        reply = {"kind": kind, "text": text[:5000], "peak_mb": memory_mb("self", "VmHWM")}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def memory_mb(process: int | str, what: str) -> float:
    """Memory of a process by `/proc`: `VmHWM`, the largest, or `VmRSS`, what it has now; 0 where that is not told."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith(what):
                return int(line.split()[1]) / 1024
    return 0.0


def _forget_peak() -> None:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
