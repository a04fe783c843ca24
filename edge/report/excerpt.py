"""A part of a video file as a source of frames."""

import math
import time
from dataclasses import dataclass
from pathlib import Path

from edge.base.errors import UserError, printable
from edge.sources.decoder import NoVideo, Picture
from edge.sources.frame import Frame
from edge.sources.video import open_video


@dataclass(frozen=True)
class Span:
    """A part of a video. Times are seconds from the start of the video.

    Attributes:
        start, end: times between which the frames are.
        starts_at_key, ends_at_key: whether the part begins with the first key frame from `start` on, and ends before
            the first one from `end` on, so that neighbours share no frame and leave none out.
        lead_in: seconds of frames before it that are read as well.
    """

    start: float = 0.0
    end: float = math.inf
    starts_at_key: bool = False
    ends_at_key: bool = False
    lead_in: float = 0.0


WHOLE = Span()


class ExcerptSource:
    """Frames of a part of a video file; times count from the start of the video.

    Attributes:
        begins: time of the part's first frame, known once it has been read.
        damage: what is missing from the file, known once its end has been read.
        spoilt: number of places in the part that cannot be decoded, known at its end.
    """

    live = False

    def __init__(self, path: Path, span: Span = WHOLE, every: int = 1, threads: int | None = None) -> None:
        """Open it.

        Args:
            path: path of the file.
            span: the part.
            every: only one of so many frames is read.
            threads: threads of the decoder; by default one per spare core.

        Raises:
            UserError: it cannot be read or decoded, or not from a time on.
        """
        self.name = printable(path.name)
        self._decoder, self._span, self._every = open_video(path, threads=threads), span, every
        try:
            self._first = self._decoder_begun(path)
        except BaseException:
            self._decoder.close()
            raise
        duration = self._decoder.duration
        self.fps = self._decoder.rate and self._decoder.rate / every
        self.duration = None if duration is None else min(duration, span.end) - max(0.0, span.start - span.lead_in)
        self.total = self._decoder.frames if span == WHOLE else None
        self.begins: float | None = None
        self.damage: str | None = None
        self.spoilt = self._count = self._spoilt_before = 0

    def read(self) -> Frame | None:
        """Return the next frame; None at the end."""
        while (picture := self._next()) is not None:
            if self.begins is None and self._is_from(picture, self._span.start, self._span.starts_at_key):
                self.begins, self._count, self._spoilt_before = picture.seconds, 0, self._decoder.spoilt
            if self.begins is not None and self._is_from(picture, self._span.end, self._span.ends_at_key):
                break
            if self.begins is not None or picture.seconds >= self._span.start - self._span.lead_in:
                self._count += 1
                if (self._count - 1) % self._every == 0:
                    return Frame(picture.seconds, picture.pixels, self.name, time.monotonic())
            del picture  # large, and not needed while the next one is decoded
        else:
            self.damage = self._decoder.damage
        self.spoilt = self._decoder.spoilt - self._spoilt_before
        return None

    def share(self, seconds: float) -> float | None:
        """Return how much of the part has been read at a time, 0 to 1; None where its length is unknown."""
        if not self.duration:
            return None
        return min(1.0, max(0.0, (seconds - self._span.start + self._span.lead_in) / self.duration))

    def close(self) -> None:
        """Release the decoder and its file; safe to call twice."""
        self._first = None
        self._decoder.close()

    def _decoder_begun(self, path: Path) -> Picture | None:
        """Go to the part's start, and read a first picture, since a container may open and still not decode."""
        reason: object = None
        try:
            if self._span.start and self._decoder.can_seek:
                self._decoder.seek(self._span.start - self._span.lead_in)
            if (first := self._decoder.read()) is not None:
                return first
        except NoVideo as error:
            reason = error
        if self._span.starts_at_key:
            return None  # the file was cut off before here
        reason = reason or self._decoder.damage or "no picture can be decoded"
        raise UserError(f"{path}: not a video that can be decoded ({reason})", "check that the file is whole")

    def _next(self) -> Picture | None:
        picture, self._first = self._first or self._decoder.read(), None
        return picture

    @staticmethod
    def _is_from(picture: Picture, seconds: float, at_key: bool) -> bool:
        return picture.seconds >= seconds and (picture.is_key or not at_key)
