"""Encode pictures into a video file that browsers play, each at its own time."""

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.base.errors import UserError
from edge.base.ffmpeg import av
from edge.base.files import whole_file
from edge.outputs.video_formats import (
    ENCODER_OPTIONS,
    KEYFRAME_INTERVAL,
    LONGEST_SIDES,
    Container,
    container_of,
    encoder_for,
)
from edge.sources.pixels import BgrPixels, Pixels, YuvPixels

TIME_BASE = 90_000
"""Ticks of the time stamps per second: whole numbers at 24, 25, 29.97 and 30 frames per second."""

LEAST_STEP = 0.001
"""Least seconds between two frames; Matroska stores milliseconds."""

LONGEST_GAP = 10.0
"""Longest outage of a live source in its recording, seconds."""

USUAL_RATE, HIGHEST_RATE = 30.0, 240.0
"""Frame rate for sources of unknown rate, and the rate above which a stated one is not believed."""

LEAST_SIDE = 16
"""Shortest side, pixels; VP8's encoder drops all frames of smaller videos."""

BITS_PER_PIXEL = 1.0
"""Upper bound of the bit rate of VP8 and VP9, which the quality determines; most pictures need far less."""

# Primaries and transfer are those of sRGB screens, BT.709.
MATRIX_BT601, MATRIX_BT709, PRIMARIES_BT709, TRANSFER_BT709, LIMITED_RANGE = 6, 1, 1, 1, 1


@contextmanager
def create_video(
    path: Path, size: tuple[int, int], rate: float | None = None, *, growing: bool = False, bt709: bool = False
) -> Iterator["VideoWriter"]:
    """Write a video file that appears whole at the end, and not at all after an error.

    Args:
        path: path with one of the suffixes in `CONTAINERS`.
        size: width and height, pixels; odd sides become even by repeating the last column or row, and sides below
            `LEAST_SIDE` are enlarged.
        rate: expected frame rate, for the header; frames have the times given to `write`.
        growing: whether the file grows at its path instead and, however the process ends, can be played except for the
            last `KEYFRAME_INTERVAL`.
        bt709: whether the matrix is that of BT.709, not BT.601; planes of the same matrix are written as they are.

    Raises:
        UserError: it cannot be written, or not in this format and size.
    """
    container = container_of(path)
    _check_size(path, size, encoder_for(container))
    with _errors_named(path), _growing_file(path) if growing else whole_file(path) as part:
        writer = VideoWriter(part, container, size, rate, growing=growing, bt709=bt709)
        try:
            yield writer
        except BaseException:
            if not growing and part.is_file():
                part.unlink()  # before it is closed, to save a second pass over a file that is not wanted
            with suppress(av.FFmpegError):
                writer.close()
            raise
        writer.close()


class VideoWriter:
    """An open video file. It raises PyAV's errors, to which `create_video` adds the file and the remedy."""

    def __init__(
        self,
        path: Path,
        container: Container,
        size: tuple[int, int],
        rate: float | None,
        *,
        growing: bool,
        bt709: bool,
    ) -> None:
        self._path, self._growing = path, growing
        width, height = self._size = _even(size[0]), _even(size[1])
        self._packed = np.empty((height * 3 // 2, width), np.uint8)  # 4:2:0 planes, reused since encoders copy them
        self._picture = YuvPixels.packed(self._packed, bt709=bt709)
        rate = rate if rate and math.isfinite(rate) and rate <= HIGHEST_RATE else USUAL_RATE
        self._timeline = Timeline(1 / rate, LONGEST_GAP if growing else math.inf)
        self._next_keyframe = 0.0
        self._playable = 0  # bytes of a growing file
        self._held: Any = None  # the last packet, whose duration the next one tells
        options = dict(container.growing if growing else container.whole)
        self._output: Any = av.open(str(path), "w", container.name, container_options=options)
        # The first packet writes the header: FFmpeg crashes when it ends a fragmented file that has a header alone.
        self._stream = self._add_stream(encoder_for(container), rate)

    def write(self, pixels: Pixels, time: float, draw: Callable[[Pixels], None] = lambda pixels: None) -> None:
        """Append a picture.

        Args:
            pixels: the picture; one of another size is scaled to fit, with black beside it.
            time: seconds of any clock. After the clock was set back, the picture follows at the usual rate.
            draw: called with the copy of the picture that is written, to draw on it.
        """
        width, height = self._size
        if 0 <= width - pixels.width <= 1 and 0 <= height - pixels.height <= 1:
            self._picture.fill(pixels)
            draw(self._picture)
        else:
            draw(picture := BgrPixels(pixels.bgr().copy()))
            self._picture.fill(BgrPixels(_fitted(picture.bgr(), self._size)))
        frame = _encoder_frame(self._packed)
        seconds = self._timeline.place(time)
        frame.pts, frame.time_base = round(seconds * TIME_BASE), Fraction(1, TIME_BASE)
        if seconds >= self._next_keyframe:
            frame.pict_type = av.video.frame.PictureType.I
            self._next_keyframe = seconds + KEYFRAME_INTERVAL
        for packet in self._stream.encode(frame):
            self._mux_held(packet.pts)
            self._held = packet

    def close(self) -> None:
        """Finish the file; if that fails, cut a growing file to its playable part."""
        with self._cut_after_error():
            for packet in self._stream.encode(None):
                self._mux_held(packet.pts)
                self._held = packet
            if self._held is not None:
                self._mux_held(self._held.pts + round(self._timeline.step * TIME_BASE))
            self._output.close()
        if self._growing and not self._playable:
            os.truncate(self._path, 0)  # of a header that could not be written whole

    def _add_stream(self, encoder: str, rate: float) -> Any:
        width, height = self._size
        options = ENCODER_OPTIONS[encoder]
        stream = self._output.add_stream(
            encoder, Fraction(rate).limit_denominator(1001), width=width, height=height, options=options
        )
        context = stream.codec_context
        context.time_base = Fraction(1, TIME_BASE)
        context.thread_count = 1  # the stages of a run share the cores already
        context.gop_size = round(HIGHEST_RATE * KEYFRAME_INTERVAL)  # keyframes are requested by time
        if "crf" in options:
            context.bit_rate = round(BITS_PER_PIXEL * width * height * rate)
        context.colorspace = MATRIX_BT709 if self._picture.bt709 else MATRIX_BT601
        context.color_range = LIMITED_RANGE
        context.color_primaries, context.color_trc = PRIMARIES_BT709, TRANSFER_BT709
        return stream

    def _mux_held(self, end: int) -> None:
        """Write the held packet, which lasts until `end`, in ticks."""
        if self._held is None:
            return
        packet, self._held = self._held, None
        packet.duration = end - packet.pts
        self._output.mux(packet)
        if self._growing:
            self._playable = self._path.stat().st_size

    @contextmanager
    def _cut_after_error(self) -> Iterator[None]:
        """Remove an incomplete fragment from a growing file, at which browsers would stop."""
        try:
            yield
        except av.FFmpegError:
            with suppress(av.FFmpegError):
                self._output.close()
            if self._growing:
                os.truncate(self._path, self._playable)
            raise


@contextmanager
def _errors_named(path: Path) -> Iterator[None]:
    try:
        yield
    except av.FFmpegError as error:
        encoder = isinstance(error, (av.error.ExternalError, ValueError))
        remedy = "try another format or smaller pictures" if encoder else "free some space, or write elsewhere"
        raise UserError(f"{path}: cannot be written ({error.strerror})", remedy) from error


def _check_size(path: Path, size: tuple[int, int], encoder: str) -> None:
    longest = LONGEST_SIDES.get(encoder)
    if longest and max(size) > longest:
        problem = f"{path}: pictures of {size[0]}x{size[1]} are too large for its format, which takes {longest} a side"
        raise UserError(problem, "give smaller ones, or leave the annotated video out")


@contextmanager
def _growing_file(path: Path) -> Iterator[Path]:
    """Yield the path of a new file, in absolute form; it is removed where it stays empty."""
    path = path.absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("wb").close()
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})", "give the path of a file") from error
    try:
        yield path
    finally:
        with suppress(OSError):
            if path.stat().st_size == 0:
                path.unlink()


class Timeline:
    """Maps capture times to the time of a video, which begins at 0 and increases from frame to frame.

    Attributes:
        step: seconds between the last two frames; initially the usual ones.
    """

    def __init__(self, step: float, longest_gap: float) -> None:
        """Begin at 0; a frame follows after `step` seconds if its time is unusable, and within `longest_gap`."""
        self.step = self._usual = step
        self._longest = longest_gap
        self._last: float | None = None
        self._position = 0.0

    def place(self, time: float) -> float:
        """Return the video's time of a frame captured at `time`, of any clock, which may be changed in between."""
        if self._last is not None:
            passed = time - self._last
            self.step = min(max(passed, LEAST_STEP), self._longest) if passed >= 0 else self._usual
            self._position += self.step
        self._last = time
        return self._position


def _even(side: int) -> int:
    """Return a side that encoders accept: even, as colour has half the resolution, and not too short."""
    return max(LEAST_SIDE, side + side % 2)


def _fitted(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the picture scaled to fit another size, with black beside it."""
    width, height = size
    h, w = image.shape[:2]
    scale = min(width / w, height / h)
    w, h = max(1, round(w * scale)), max(1, round(h * scale))
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - w) // 2, (height - h) // 2
    canvas[top : top + h, left : left + w] = cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA)
    return canvas


def _encoder_frame(packed: Any) -> Any:
    """Return a 4:2:0 frame of PyAV that uses the memory of `packed`."""
    if packed.shape[0] % 6:  # PyAV accepts a height that is no multiple of four only from an array of its own
        return av.VideoFrame.from_ndarray(packed, format="yuv420p")
    return av.VideoFrame.from_numpy_buffer(packed, format="yuv420p")
