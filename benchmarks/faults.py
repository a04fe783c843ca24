"""What happens when something goes wrong: how soon it is noticed, how soon all is well again, what is lost on the way.

Faults are made, without special hardware: what can happen to `emotion-edge run` from outside happens to that, what is
a device's happens to a pipeline whose camera is generated. The page docs/faults.md says what is to happen.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import faulty_command, faulty_pipeline
from benchmarks.faulty_command import Seen
from benchmarks.harness import Distribution, distribution, interleave
from benchmarks.process import run_module
from edge.bundle import Bundle


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        fault: what goes wrong.
        outcome: what comes of it: `goes on`, or how the run ends.
        noticed: seconds until a line says so or, where none is wanted, the counters or the end of the process do; of
            each run; None where nothing does.
        recovered: seconds until a frame that came after it is answered, of each run; None where the run ends.
        lost: frames that were not answered, or not written by the output that failed, in the worst run; None where
            nobody counts any more.
        growth: bytes of RAM that the process has more at its end than before the fault, in the worst run.
    """

    fault: str
    outcome: str
    noticed: Distribution | None
    recovered: Distribution | None
    lost: int | None
    growth: int


def measure_faults(bundle: Bundle, clip: Path, cores: int, rounds: int) -> list[Fault]:
    """Make every fault happen, in turns.

    Args:
        bundle: with the variant that reads.
        clip: a video, for what a camera shows through a pipe.
        cores: that a process may use.
        rounds: of every fault.
    """
    results = interleave("faults", _cases(bundle, clip, cores), rounds)
    return [_fault(name, runs) for name, runs in results.items()]


def _cases(bundle: Bundle, clip: Path, cores: int) -> dict[str, Callable[[], Seen]]:
    cases: dict[str, Callable[[], Seen]] = {}
    cases |= {name: partial(make, bundle, clip, cores) for name, make in faulty_command.FAULTS.items()}
    cases |= {name: partial(_inside, name, bundle, cores) for name in faulty_pipeline.FAULTS}
    return cases


def _inside(name: str, bundle: Bundle, cores: int) -> Seen:
    return Seen(**run_module("benchmarks.faulty_pipeline", [name, bundle.folder.resolve(), bundle.variant], cores))


def _fault(name: str, runs: list[Seen]) -> Fault:
    outcomes = list(dict.fromkeys(run.outcome for run in runs))
    return Fault(
        name,
        " or ".join(outcomes),
        _all(run.noticed for run in runs),
        _all(run.recovered for run in runs),
        max((run.lost for run in runs if run.lost is not None), default=None),
        max(run.growth for run in runs),
    )


def _all(values: Iterable[float | None]) -> Distribution | None:
    """A distribution of what each run has; None where one has it not."""
    found = list(values)
    known = [value for value in found if value is not None]
    return distribution(known) if len(known) == len(found) else None
