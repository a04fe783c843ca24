"""Packages that are measured beside the edge."""

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby, product
from pathlib import Path
from typing import TypeVar, cast

from benchmarks.base.harness import interleave
from benchmarks.base.process import ROOT, Usage, run_fresh, summary
from benchmarks.peers.environment import locked_version, prepare, python_of
from edge.base.errors import UserError
from edge.model.bundle import Bundle, model_file

log = logging.getLogger(__name__)

T = TypeVar("T")

OURS = "emotion-edge"

TIME_OUT, LONG_TIME_OUT = 600.0, 7200.0
"""Seconds after which a package's program counts as one that hangs; the second, where it answers thousands of faces."""


@dataclass(frozen=True)
class Package:
    """A package, and the way in which it is used.

    Attributes:
        name: of both, in tables.
        package: its name in its lock, `requirements/peer-PACKAGE.txt`, and in that of its program, `with_PACKAGE.py`.
        start: the statement that imports what reads a face.
        options: the last words to its program.
        on_our_model: it has no model of its own: it runs ours, and looks for no faces.
    """

    name: str
    package: str
    start: str
    options: tuple[str, ...] = ()
    on_our_model: bool = False

    @property
    def lock(self) -> Path:
        return LOCKS / f"peer-{self.package}.txt"


PACKAGES = (
    Package("fer", "fer", "from fer.fer import FER"),
    Package("fer hdf5", "fer", "from fer.fer import FER", ("hdf5",)),
    Package("facex", "facex", "from facex import PoolManager"),
    Package("mediapipe", "mediapipe", "from mediapipe.tasks.python.vision import ImageClassifier", on_our_model=True),
)

LOCKS = ROOT / "requirements"

START = (
    "from edge.pipeline.pipeline import Pipeline; from edge.faces.recognizer import Recognizer; "
    "from edge.model.interpreter import runtime"
)
"""Imports of this package, which opens its runtime when that is first used."""


@dataclass(frozen=True)
class Participant:
    """One that can be run on this machine.

    Attributes:
        name: the package's; `emotion-edge` for our own.
        version: the package's; the variant for our own.
        python: of its environment.
        module: its program.
        options: the last words to it.
        start: the statement that imports what reads a face.
        finds_faces: whether it looks for faces in a frame.
    """

    name: str
    version: str
    python: Path
    module: str
    options: tuple[str, ...]
    start: str
    finds_faces: bool = True

    def run(self, task: str, source: Path, answer: Path, cores: int, time_out: float = TIME_OUT) -> Usage:
        """Run a task of its program; see `benchmarks.peers.program`.

        Raises:
            UserError: it hangs.
            RuntimeError: it failed.
        """
        words = (self.module, task, source.resolve(), answer, *self.options)
        return run_fresh([str(self.python), "-m", *map(str, words)], cores, time_out=time_out)


ClassificationScheduler = dict[tuple[Participant, int], list[T]]
"""Results of the rounds by participant and number of cores."""


@dataclass(frozen=True)
class Lineup:
    """All packages that take part.

    Attributes:
        participants: our own first.
        gaps: by name, why a package does not take part.
    """

    participants: tuple[Participant, ...]
    gaps: dict[str, str] = field(default_factory=dict)

    def that_find_faces(self) -> "Lineup":
        """Without those that classify only, which is no gap."""
        return replace(self, participants=tuple(c for c in self.participants if c.finds_faces))

    def interleaved(
        self, what: str, run: Callable[[Participant, int], T], cores: Sequence[int], rounds: int
    ) -> tuple[ClassificationScheduler[T], dict[str, str]]:
        """Run all packages on every number of cores, interleaved; one that fails loses only its own results.

        Args:
            what: is measured.
            run: measures one of them once.
            cores: numbers of cores.
            rounds: turns of each.

        Returns:
            The results, and by name, why there is nothing of a package.
        """
        gaps = dict(self.gaps)

        def turn(participant: Participant, n: int) -> T | None:
            try:
                return None if participant.name in gaps else run(participant, n)
            except FAILURES as error:
                if participant.name == OURS:
                    raise
                gaps[participant.name] = summary(error)
                log.warning("%s: %s is left out: %s", what, participant.name, gaps[participant.name])
                return None

        cases = {case: partial(turn, *case) for case in product(self.participants, cores)}
        results = interleave(what, cases, rounds)
        whole = {case: found for case, found in results.items() if case[0].name not in gaps}
        return cast(ClassificationScheduler[T], whole), gaps


FAILURES = (UserError, RuntimeError, OSError, ValueError, LookupError)
"""Errors of a package's program: it fails, or leaves no answer or a wrong one."""


def line_up(ours: Bundle, packages: Sequence[Package] = PACKAGES) -> Lineup:
    """Make the environments; a package whose environment cannot be made does not take part.

    Args:
        ours: the bundle with the variant that ships.
        packages: beside it; the ways to use one stand together.
    """
    model = str((ours.folder / model_file(ours.variant)).resolve())
    own = Participant(
        OURS, ours.variant, Path(sys.executable), "benchmarks.peers.with_edge", (model,), f"{START}; runtime()"
    )
    participants = [own]
    gaps: dict[str, str] = {}
    for name, group in groupby(packages, key=lambda package: package.package):
        ways = list(group)
        try:
            python = python_of(prepare(name, ways[0].lock))
        except UserError as error:
            log.warning("peers: %s is left out: %s", name, error)
            gaps |= {way.name: str(error) for way in ways}
        else:
            participants += [_participant(way, python, model) for way in ways]
    return Lineup(tuple(participants), gaps)


def _participant(package: Package, python: Path, model: str) -> Participant:
    return Participant(
        package.name,
        locked_version(package.package, package.lock),
        python,
        f"benchmarks.peers.with_{package.package}",
        (model,) if package.on_our_model else package.options,
        package.start,
        finds_faces=not package.on_our_model,
    )
