"""What larger pictures cost, with one face in them that grows with the picture."""

from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.base.harness import Distribution
from benchmarks.base.scenes import measure_scenes
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
    heights = dict(SIZES)
    results = measure_scenes("sizes", bundles, [(1, width) for width in heights], cores, rounds)
    return [
        FrameSize(variant, cores, width, heights[width], *found) for (variant, (_, width)), found in results.items()
    ]
