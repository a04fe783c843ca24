"""What larger pictures cost, with one face in them that grows with the picture."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product

from benchmarks.harness import Distribution, distribution, interleave
from benchmarks.process import run_module
from edge.bundle import Bundle

SIZES = ((320, 180), (640, 360), (1280, 720), (1920, 1080))


@dataclass(frozen=True)
class FrameSize:
    """One variant on pictures of one size.

    Attributes:
        variant: which.
        cores: that the process was allowed to use.
        width: of the picture, pixels.
        height: of the picture, pixels.
        found: share of the frames in which the face was found.
        ms: milliseconds a frame, of each run.
    """

    variant: str
    cores: int
    width: int
    height: int
    found: float
    ms: Distribution


def measure_sizes(bundles: Mapping[str, Bundle], cores: int, rounds: int) -> list[FrameSize]:
    """Run every variant on every size, in turns.

    Args:
        bundles: by variant.
        cores: that a process may use.
        rounds: runs of each.
    """
    cases = {
        (variant, size): partial(run_module, "benchmarks.crowd", [bundle.folder.resolve(), variant, 1, size[0]], cores)
        for (variant, bundle), size in product(bundles.items(), SIZES)
    }
    return [
        FrameSize(variant, cores, *size, min(run["found"] for run in runs), distribution(run["ms"] for run in runs))
        for (variant, size), runs in interleave("sizes", cases, rounds).items()
    ]
