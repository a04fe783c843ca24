"""Installed size and import time of each package."""

from dataclasses import dataclass

from benchmarks.base.harness import Distribution, distribution
from benchmarks.base.process import ROOT, run_fresh
from benchmarks.base.record import PartialResults
from benchmarks.peers.environment import bytes_in, prepare
from benchmarks.peers.lineup import LOCKS, OURS, TIME_OUT, Lineup, Participant
from edge.base.errors import UserError
from edge.model.bundle import Bundle


@dataclass(frozen=True)
class Footprint:
    """One package.

    Attributes:
        name: the package, or `emotion-edge`.
        version: of the package; the variant's name for our own.
        size: bytes of the files of an environment with what is used and no more, Python's own library not among them;
            for our own, with this package's code and one model beside it.
        start: seconds from the start of a process until what reads a face is imported, of each.
    """

    name: str
    version: str
    size: int
    start: Distribution


def measure_footprint(lineup: Lineup, ours: Bundle, cores: int, rounds: int) -> PartialResults:
    """Add up files, and time imports in fresh processes, interleaved; the first import is not counted."""
    results, gaps = lineup.interleaved("peers-footprint", _start, [cores], 1 + rounds)
    rows = []
    for (participant, _), times in results.items():
        try:
            size = _own_size(ours) if participant.name == OURS else bytes_in(participant.python.parents[1])
        except UserError as error:
            gaps[participant.name] = str(error)
        else:
            rows.append(Footprint(participant.name, participant.version, size, distribution(times[1:])))
    return PartialResults(rows, gaps)


def _own_size(ours: Bundle) -> int:
    """As the peers': in an environment made from the board's lock.

    Raises:
        UserError: it cannot be made.
    """
    return bytes_in(prepare("edge", LOCKS / "edge.txt")) + bytes_in(ROOT / "edge") + len(ours.model)


def _start(participant: Participant, cores: int) -> float:
    code = f"{participant.start}; print(flush=True)"
    seconds = run_fresh([str(participant.python), "-c", code], cores, time_out=TIME_OUT).first_line
    if seconds is None:
        raise ValueError("its import ended the process")
    return seconds
