"""Time of a frame by the number of faces in it, and by its size with one face that grows with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.base.harness import Distribution
from benchmarks.base.scenes import WIDTH, measure_scenes
from edge.bundle import Bundle

FACES = (1, 2, 4, 8)
SIZES = ((320, 180), (640, 360), (1280, 720), (1920, 1080))


@dataclass(frozen=True)
class Scaling:
    """One variant on frames of one kind.

    Attributes:
        variant: name of the variant.
        cores: number of cores that the process may use.
        faces: number of faces in a frame.
        width: of the frame, pixels.
        height: of the frame, pixels.
        found: share of the faces that were found, in the worst run.
        ms: milliseconds a frame, of each run.
    """

    variant: str
    cores: int
    faces: int
    width: int
    height: int
    found: float
    ms: Distribution


def measure_face_count(bundles: Mapping[str, Bundle], cores: int, rounds: int) -> list[Scaling]:
    """Time frames of 1280×720 with one to eight faces."""
    return _measure("face-count", bundles, [(faces, WIDTH) for faces in FACES], cores, rounds)


def measure_frame_size(bundles: Mapping[str, Bundle], cores: int, rounds: int) -> list[Scaling]:
    """Time frames of four sizes."""
    return _measure("frame-size", bundles, [(1, width) for width, _ in SIZES], cores, rounds)


def _measure(
    name: str, bundles: Mapping[str, Bundle], scenes: Sequence[tuple[int, int]], cores: int, rounds: int
) -> list[Scaling]:
    heights = dict(SIZES)
    results = measure_scenes(name, bundles, scenes, cores, rounds)
    return [
        Scaling(variant, cores, faces, width, heights[width], *found)
        for (variant, (faces, width)), found in results.items()
    ]
