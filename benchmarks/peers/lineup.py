"""Packages that are compared with the edge."""

import logging
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

from benchmarks.base.harness import interleave
from benchmarks.base.measurement import PartialResults
from benchmarks.base.plan import Plan
from benchmarks.base.process import Usage, run_fresh, summary
from benchmarks.peers.environment import LOCKS, locked_version, prepare, python_of
from edge.base.errors import UserError
from edge.base.text_table import Row
from edge.model.bundle import model_file

log = logging.getLogger(__name__)

T = TypeVar("T")

OURS = "emotion-edge"

TASK_TIMEOUT, LONG_TASK_TIMEOUT = 600.0, 7200.0
"""Seconds after which a package's program counts as hung; the second for thousands of faces."""

FAILURES = (UserError, RuntimeError, OSError, ValueError, LookupError)
"""Errors of a package's program: it fails, or its answer is missing or malformed."""


@dataclass(frozen=True)
class Participant:
    """A package, and how it is used.

    Attributes:
        name: of both, in tables; `emotion-edge` for our own.
        package: its name in its lock, `requirements/peer-PACKAGE.txt`, and in that of its program, `with_PACKAGE.py`.
        start: the import statement of its face reader.
        options: last arguments of its program: the file of our model, then its own.
        finds_faces: whether it looks for faces in a frame.
        version: of the package; the variant for our own; empty until its environment is made.
        python: of its environment, likewise.
    """

    name: str
    package: str
    start: str
    options: tuple[str, ...] = ()
    finds_faces: bool = True
    version: str = ""
    python: Path = Path(sys.executable)

    @property
    def module(self) -> str:
        return f"benchmarks.peers.with_{self.package}"

    @property
    def lock(self) -> Path:
        return LOCKS / f"peer-{self.package}.txt"

    def run(self, task: str, source: Path, cores: int, timeout: float = TASK_TIMEOUT) -> tuple[bytes, Usage]:
        """Run a task of its program, see `benchmarks.peers.program`; return its usage and its answer."""
        with tempfile.TemporaryDirectory() as folder:
            answer = Path(folder) / "answer"
            words = [self.module, task, str(source.resolve()), str(answer), *self.options]
            usage = run_fresh([str(self.python), "-m", *words], cores, timeout=timeout)
            return answer.read_bytes(), usage

    def row(self, **figures: object) -> Row:
        """Return a row of a table: the package and its figures."""
        return {"name": self.name, "version": self.version, **figures}


OWN = Participant(
    OURS,
    "edge",
    "from edge.pipeline.pipeline import Pipeline; from edge.faces.recognizer import Recognizer; "
    "from edge.model.interpreter import runtime; runtime()",
)

PEERS = (
    Participant("fer", "fer", "from fer.fer import FER"),
    Participant("fer hdf5", "fer", "from fer.fer import FER", ("hdf5",)),
    Participant("facex", "facex", "from facex import PoolManager"),
    # It has no model for emotions: it runs ours.
    Participant(
        *("mediapipe", "mediapipe", "from mediapipe.tasks.python.vision import ImageClassifier"),
        finds_faces=False,
    ),
)


class Lineup(NamedTuple):
    """All participating packages, our own first, and the reasons for the missing ones, by name."""

    participants: tuple[Participant, ...]
    gaps: dict[str, str]

    def that_find_faces(self) -> "Lineup":
        """The lineup without packages that only classify; they do not count as missing."""
        return Lineup(tuple(one for one in self.participants if one.finds_faces), self.gaps)

    def measure(
        self,
        what: str,
        run: Callable[[Participant, int], T],
        summed_up: Callable[[Participant, int, list[T]], Row],
        cores: Sequence[int],
        rounds: int,
    ) -> PartialResults:
        """Run all packages on every number of cores, interleaved; one that fails loses only its own rows.

        `run` measures one of them once, and `summed_up` makes a row from the results of its rounds.
        """
        gaps = dict(self.gaps)

        def turn(n: int, one: Participant) -> T | None:
            try:
                return None if one.name in gaps else run(one, n)
            except FAILURES as error:
                if one.name == OURS:
                    raise
                gaps[one.name] = summary(error)
                log.warning("%s: %s is left out: %s", what, one.name, gaps[one.name])
                return None

        results = interleave(what, turn, product(cores, self.participants), rounds)
        whole = {case: found for case, found in results.items() if case[1].name not in gaps}
        return PartialResults([summed_up(one, n, cast(list[T], found)) for (n, one), found in whole.items()], gaps)


@cache
def line_up(plan: Plan) -> Lineup:
    """Make the environments; a package whose environment cannot be made does not take part."""
    ours = plan.shipping
    model = str((ours.folder / model_file(ours.variant)).resolve())
    participants, gaps = [replace(OWN, version=ours.variant, options=(model,))], {}
    for peer in PEERS:
        try:
            python = python_of(prepare(peer.package, peer.lock))
        except UserError as error:
            log.warning("peers: %s is left out: %s", peer.name, error)
            gaps[peer.name] = str(error)
        else:
            version = locked_version(peer.package, peer.lock)
            participants.append(replace(peer, options=(model, *peer.options), version=version, python=python))
    return Lineup(tuple(participants), gaps)
