"""Division of a long video into stretches, each of which is a task."""

import math
from pathlib import Path
from typing import NamedTuple

from edge.base.settings import Excerpt
from edge.report.excerpt import Span
from edge.sources.video import open_video

LEAD_IN = 5.0
"""Seconds before a stretch that are analyzed as well, after which tracks and averages are those of the whole video."""

MINUTE = 60.0


class Stretch(NamedTuple):
    """Stretch `number`, from 1, of `total`, and its nominal times; it begins and ends at key frames."""

    number: int
    total: int
    start: float
    end: float

    def span(self) -> Span:
        """Return the frames of the stretch: those that no neighbour has."""
        first, last = self.number == 1, self.number == self.total
        return Span(self.start, self.end, not first, not last, 0.0 if first else LEAD_IN)

    def __str__(self) -> str:
        return f"stretch {self.number} of {self.total}"


def stretches_of(video: Path, wanted: Excerpt) -> list[Stretch]:
    """Divide a video; none where it is short enough, or has no index of key frames by time.

    Raises:
        UserError: the video cannot be read.
    """
    if not wanted.split_minutes:
        return []
    decoder = open_video(video, threads=1)
    duration, can_seek = decoder.duration, decoder.can_seek
    decoder.close()
    if not duration or not can_seek:
        return []
    start, end = wanted.start or 0.0, min(duration, wanted.end or math.inf)
    count = max(1, round((end - start) / (wanted.split_minutes * MINUTE)))
    if count == 1:
        return []
    cuts = [start + i * (end - start) / count for i in range(count)]
    ends = [*cuts[1:], math.inf if wanted.end is None else wanted.end]
    return [Stretch(i + 1, count, *cut) for i, cut in enumerate(zip(cuts, ends, strict=True))]
