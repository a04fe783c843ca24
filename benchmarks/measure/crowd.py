"""What more faces in the picture cost."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.base.harness import Distribution
from benchmarks.base.scenes import WIDTH, measure_scenes
from edge.bundle import Bundle

FACES = (1, 2, 4, 8)


@dataclass(frozen=True)
class Crowd:
    """One variant with a number of faces in the picture.

    Attributes:
        variant: which.
        cores: that the process was allowed to use.
        faces: in the picture.
        found: share of them that were found, over all frames.
        ms: milliseconds a frame, of each run.
    """

    variant: str
    cores: int
    faces: int
    found: float
    ms: Distribution


def measure_crowd(bundles: Mapping[str, Bundle], cores: int, rounds: int) -> list[Crowd]:
    """Run every variant on every number of faces, in turns.

    Args:
        bundles: by variant.
        cores: that a process may use.
        rounds: runs of each.
    """
    results = measure_scenes("crowd", bundles, [(faces, WIDTH) for faces in FACES], cores, rounds)
    return [Crowd(variant, cores, faces, *found) for (variant, (faces, _)), found in results.items()]
