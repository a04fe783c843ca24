"""How much disk each package takes with all that it needs, and how long it takes to import."""

from dataclasses import dataclass

from benchmarks.base.harness import Distribution, distribution
from benchmarks.base.process import ROOT, run_fresh
from benchmarks.base.record import Partial
from benchmarks.peers.environment import bytes_in, prepare
from benchmarks.peers.lineup import LOCKS, OURS, TIME_OUT, Contestant, Lineup
from edge.bundle import Bundle
from edge.errors import UserError


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


def measure_footprint(lineup: Lineup, ours: Bundle, cores: int, rounds: int) -> Partial:
    """Add up files, and import in fresh processes, in turns.

    Args:
        lineup: who takes part.
        ours: the bundle with the variant that ships.
        cores: that a process may use.
        rounds: imports of each that count; one before them reads the files from the disk.

    Returns:
        A `Footprint` of each, and why others are missing.
    """
    results, gaps = lineup.in_turns("peers-footprint", _start, [cores], 1 + rounds)
    rows = []
    for (contestant, _), times in results.items():
        try:
            size = _own_size(ours) if contestant.name == OURS else bytes_in(contestant.python.parents[1])
        except UserError as error:
            gaps[contestant.name] = str(error)
        else:
            rows.append(Footprint(contestant.name, contestant.version, size, distribution(times[1:])))
    return Partial(rows, gaps)


def _own_size(ours: Bundle) -> int:
    """As the peers': in an environment made from the board's lock.

    Raises:
        UserError: it cannot be made.
    """
    return bytes_in(prepare("edge", LOCKS / "edge.txt")) + bytes_in(ROOT / "edge") + len(ours.model)


def _start(contestant: Contestant, cores: int) -> float:
    code = f"{contestant.start}; print(flush=True)"
    seconds = run_fresh([str(contestant.python), "-c", code], cores, time_out=TIME_OUT).first_line
    if seconds is None:
        raise ValueError("its import ended the process")
    return seconds
