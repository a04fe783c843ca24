"""Decode video of files, pipes and network streams."""

import logging
import math
import time
from collections.abc import Generator, Iterator, Mapping
from fractions import Fraction
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from edge.base.ffmpeg import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter, av
from edge.sources.pixels import YuvPixels

log = logging.getLogger(__name__)

FILE_FORMATS = (
    *("amv", "asf", "av1", "avi", "dhav", "dv", "flv", "gif", "gxf", "h261", "h263", "h264", "hevc", "ifv", "ivf"),
    *("jpeg_pipe", "live_flv", "m4v", "matroska", "mjpeg", "mjpeg_2000", "mov", "mpeg", "mpegts", "mpegvideo"),
    *("mpjpeg", "mxf", "nsv", "nut", "obu", "ogg", "pva", "rm", "smjpeg", "ty", "vc1", "vvc", "wtv", "yuv4mpegpipe"),
)
"""FFmpeg's names of the containers that are read from files and pipes; playlists open other files and are excluded."""

CLOSED = {"format_whitelist": ",".join(FILE_FORMATS), "protocol_whitelist": "none"}
"""FFmpeg's options for files and pipes, which prevent it from opening any other file or address."""

ANALYSIS = {"analyzeduration": "500000", "probesize": "1000000"}
"""FFmpeg's limits on reading a stream before the first picture, in microseconds and bytes."""

INDEXED = ("mov", "matroska")
"""FFmpeg's names of the containers with an index of key frames by time."""

SEEK_MARGIN = 1.0
"""Seconds before a time at which a key frame is looked for: indexes are in the order of decoding, not of showing."""

READ_SIZE = 256 * 1024
"""Bytes a read."""

MAX_VIDEO_PIXELS = 8192 * 8192
"""Largest frame of a video, pixels; it takes 200 MB as BGR."""

MAX_PIXEL_ASPECT = 8
"""Largest ratio of a pixel's sides that is believed."""

UNREACHED_SECONDS, UNREACHED_SHARE = 0.5, 0.05
"""A file ends early if all streams end before the announced end by more than both of these."""

RESTART = object()
"""Marks the start of a new time line between frames."""

MISSING_SHARE = 0.1
"""Share of packets without a picture from which on a file counts as damaged."""

JUMP_AHEAD_SECONDS = 12 * 3600.0
"""Seconds between two pictures from which on a counter has overflowed, rather than a pause occurred."""

DEFAULT_RATE = 30.0
"""Frame rate of a stream without time stamps and rate."""

TIMED_OUT = "no answer in time"
"""The reason of a time-out."""

SRGB = {"dst_color_trc": ColorTrc.IEC61966_2_1, "dst_color_primaries": ColorPrimaries.BT709}
"""Conversion of high dynamic range; other video is close enough to sRGB to need none, which saves time."""

HIGH_DYNAMIC_RANGE = (ColorTrc.SMPTE2084, ColorTrc.ARIB_STD_B67)
"""The transfer curves PQ and HLG."""

BT709, BT2020, UNTOLD, BT601 = 1, (9, 10), 2, (5, 6)
"""FFmpeg's numbers of the matrices between RGB and YUV; an unknown one is taken for BT.601."""

PLAIN_MATRICES, BT709_AFTERWARDS = (BT709, UNTOLD, *BT601), (BT709, *BT2020)
"""Matrices of planes that need no conversion, and matrices of frames that are BT.709 after it."""


class Picture(NamedTuple):
    """A decoded frame, its time in seconds from the start of the container, and whether decoding may begin with it."""

    pixels: YuvPixels
    seconds: float
    is_key: bool = False


class NoVideo(Exception):  # noqa: N818 - for the caller, who knows what was opened, to make an error of
    """The container has no video that can be decoded."""


class Decoder:
    """Iterator over the pictures of an open container, for one thread.

    Pictures are upright, have square pixels, and are deinterlaced by keeping the upper field, which costs nothing.
    Their times never go back.

    Attributes:
        rate: frame rate; None where the container does not state it.
        duration: announced length, seconds; None where it is unknown.
        frames: number of pictures in the container's index; None without an index.
        damage: what is missing from a damaged file, known at its end; None where it is whole.
    """

    def __init__(
        self,
        source: str | BinaryIO,
        options: Mapping[str, str],
        *,
        timeouts: tuple[float, float] | None = None,
        threads: int = 1,
        size: int | None = None,
        hardware: str | None = None,
        max_pixels: int = MAX_VIDEO_PIXELS,
    ) -> None:
        """Open a container.

        Args:
            source: an address, or a binary file, which `close` closes as well.
            options: FFmpeg's options for it.
            timeouts: seconds to open it, then again to the first picture, and from one picture to the next; for an
                address.
            threads: threads of the decoder.
            size: bytes of a regular file, None for a stream.
            hardware: FFmpeg's name for the hardware that is to decode, such as `v4l2m2m`; where it cannot, software
                does.
            max_pixels: pixels of a frame above which nothing is decoded.

        Raises:
            NoVideo: it cannot be opened, or there is no moving picture in it.
            OSError: the file cannot be read.
        """
        self._file, self._size, started = source, size, time.monotonic()
        self._patience, self._read_timeout = timeouts or (math.inf, math.inf)
        try:
            container: Any = av.open(
                source, "r", options=dict(options), timeout=timeouts, buffer_size=READ_SIZE, metadata_errors="replace"
            )
        except av.error.FFmpegError as error:
            late = time.monotonic() - started > self._patience  # RTSP says of a time-out that the data are invalid
            raise NoVideo(TIMED_OUT if late else _reason(error)) from error
        self._container = container
        self._stream = _moving_stream(container)
        self._context = _codec_context(self._stream, threads, hardware, max_pixels)
        rate = self._stream.guessed_rate or self._stream.average_rate
        self.rate = float(rate) if rate and 0 < rate <= 240 else None
        self.duration = container.duration / av.time_base if container.duration else None
        index = self._stream.index_entries
        complete = len(index) >= self._stream.frames > 0
        self.frames = sum(not entry.is_discard for entry in index) if complete else self._stream.frames or None
        start = container.start_time
        self._times = _TimeLine(start / av.time_base if start is not None else None, 1 / (self.rate or DEFAULT_RATE))
        self._tick = float(self._stream.time_base)  # fractions would take a tenth of the time of decoding
        self._convert = _Converter(self._stream, copied=self._context is not self._stream.codec_context)
        self.damage: str | None = None
        self._losses, self._reached, self._error = _Losses(), 0.0, ""
        self._ordered = self._in_order()

    def __iter__(self) -> Iterator[Picture]:
        return iter(self.read, None)

    def read(self) -> Picture | None:
        """Decode the next picture; return None at the end, or where the container cannot be read any further."""
        self._asked = time.monotonic()
        # Not a generator, whose variables would keep the picture while the next one is decoded.
        while (frame := next(self._ordered, None)) is not None:
            if frame is RESTART:
                self._times.restart()
            elif (pixels := self._converted(frame)) is not None:
                self._patience = self._read_timeout
                stamp = None if frame.pts is None else frame.pts * self._tick
                return Picture(pixels, self._times.place(stamp), bool(frame.key_frame))
        return None

    @property
    def can_seek(self) -> bool:
        """Return whether the container is a file with an index by time."""
        return self._size is not None and self._container.format.name.split(",")[0] in INDEXED

    @property
    def spoilt(self) -> int:
        """Return the number of packets and pictures so far that are corrupt or cannot be decoded."""
        return self._losses.spoilt

    def seek(self, seconds: float) -> None:
        """Continue with a key frame before `seconds`, of an indexed file of which no picture has been read.

        Raises:
            NoVideo: the file has no such place.
        """
        start = (self._container.start_time or 0) / av.time_base
        target = max(0.0, seconds - SEEK_MARGIN) + start
        try:
            self._container.seek(round(target / self._tick), stream=self._stream)
        except av.error.FFmpegError as error:
            raise NoVideo(_reason(error)) from error

    def close(self) -> None:
        """Close the container and its file; safe to call twice."""
        self._ordered.close()
        self._container.close()
        if not isinstance(self._file, str):
            self._file.close()

    def _in_order(self) -> Generator[Any, None, None]:
        """Yield frames in the order of their times; in damaged files, decoders return some too early.

        The frame with the latest time is kept until a later one comes, except for cameras. Yielded frames are released,
        because the decoder reuses their memory for the next one.
        """
        held: list[Any] = []
        for frame in self._frames():
            if frame is RESTART:
                ready, held = [*held, frame], []
            elif self._size is None or frame.pts is None or (held and frame.pts < held[0].pts):
                ready = [frame]
            else:
                ready, held = held, [frame]
            del frame
            while ready:
                yield ready.pop(0)
        while held:
            yield held.pop()
        self.damage = self._missing()

    def _frames(self) -> Iterator[Any]:
        """Yield decoded frames, and `RESTART` before the first one of a new time line."""
        for packet in self._packets():
            if self._times.restarts(None if packet.dts is None else packet.dts * self._tick):
                yield from self._decode(None)  # what is still in the decoder belongs to the time before
                self._context.flush_buffers()
                yield RESTART
            yield from self._decode(packet if packet.size else None)

    def _decode(self, packet: Any) -> list[Any]:
        self._losses.count_packet(packet)
        try:
            frames = self._context.decode(packet)
        except av.error.EOFError:
            return []
        except av.error.FFmpegError as error:
            log.info("a packet cannot be decoded: %s", error)
            self._losses.spoilt += 1
            return []
        for frame in frames:
            self._losses.count_frame(frame)
        return frames

    def _converted(self, frame: Any) -> YuvPixels | None:
        try:
            return self._convert(frame)
        except (av.error.FFmpegError, ValueError) as error:
            log.info("a picture cannot be converted: %s", error)
            self._losses.spoilt += 1
            return None

    def _packets(self) -> Iterator[Any]:
        """Yield packets of the video stream, including the empty last one.

        The other streams of a file are read as well, because only all of them show where it ends. Those of an address
        are read so that a camera that sends only sound counts as lost.
        """
        wanted = [self._stream] if self._size is None and math.isinf(self._read_timeout) else []
        ticks = [float(stream.time_base or 0) for stream in self._container.streams]
        try:
            for packet in self._container.demux(*wanted):
                if packet.size and packet.pts is not None:
                    end = (packet.pts + (packet.duration or 0)) * ticks[packet.stream_index]
                    self._reached = max(self._reached, end)
                if packet.stream is self._stream:
                    yield packet
                if time.monotonic() - self._asked > self._patience:  # packets without a picture may come
                    self._error = "no picture comes any more"
                    return
        except (av.error.FFmpegError, OSError) as error:  # the latter is the file's own: a stick that was pulled out
            self._error = _reason(error)

    def _missing(self) -> str | None:
        if self._error:
            return f"cannot be read after {self._times.last:.1f} s ({self._error})"
        if self._is_cut_off():
            return f"is cut off after {self._times.last:.1f} s"
        lost = self._losses.total()
        return damaged_in(lost) if lost else None

    def _is_cut_off(self) -> bool:
        if self._size is None:
            return False
        indexes = [stream.index_entries for stream in self._container.streams if hasattr(stream, "index_entries")]
        if any(index[-1].pos + index[-1].size > self._size for index in indexes if len(index)):
            return True
        if not self.duration:
            return False
        missing = self.duration - (self._reached - (self._container.start_time or 0) / av.time_base)
        return missing > max(UNREACHED_SECONDS, UNREACHED_SHARE * self.duration)


def damaged_in(places: int) -> str:
    """Return the words for a file of which some places cannot be decoded."""
    return f"is damaged in {places} place{'s' * (places > 1)}"


def _reason(error: Any) -> str:
    """Return FFmpeg's error without the address, which may contain a password."""
    if isinstance(error, av.error.ExitError):
        return TIMED_OUT
    return error.strerror or type(error).__name__


def _moving_stream(container: Any) -> Any:
    """Return the stream that players show: no cover, no thumbnails."""
    still = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    videos = [stream for stream in container.streams.video if not stream.disposition & still]
    if not videos:
        raise NoVideo("it holds no moving pictures")
    moving = [stream for stream in videos if stream.frames != 1] or videos  # a cover may not be marked as one
    best = container.streams.best("video")
    return best if best in moving else moving[0]


def _codec_context(stream: Any, threads: int, hardware: str | None, max_pixels: int) -> Any:
    context = stream.codec_context
    if context is None:
        raise NoVideo("there is no decoder for it")
    if hardware and (decoder := _hardware_decoder(context, hardware)):
        return decoder
    context.options = {"max_pixels": str(max_pixels)}
    context.thread_type, context.thread_count = "AUTO", threads
    return context


def _hardware_decoder(software: Any, hardware: str) -> Any:
    """Return an open decoder; log a line and return None if this machine has none for the codec."""
    name = f"{software.codec.canonical_name.removesuffix('video')}_{hardware}"  # mpeg2video
    try:
        decoder: Any = av.CodecContext.create(name, "r")
        decoder.extradata, decoder.width, decoder.height = software.extradata, software.width, software.height
        decoder.open()
    except (av.error.FFmpegError, ValueError) as error:
        log.warning("no decoder %s on this machine (%s): decoded in software", name, _reason(error))
        return None
    return decoder


class _TimeLine:
    """Times of the pictures, seconds from the start, each later than the one before."""

    def __init__(self, start: float | None, step: float) -> None:
        """Begin at `start`, or at the first picture; `step` seconds separate pictures without a time stamp."""
        self._start, self._step, self._shift = start, step, 0.0
        self._decoding: float | None = None
        self._restarted, self.started, self.last = False, False, 0.0

    def restarts(self, stamp: float | None) -> bool:
        """Return whether a packet begins a new time line: a recorder was restarted, or its counter overflowed.

        Args:
            stamp: the packet's decoding time in seconds, which only grows; None where it has none.
        """
        before, self._decoding = self._decoding, self._decoding if stamp is None else stamp
        if before is None or stamp is None:
            return False
        return not -self._step <= stamp - before < JUMP_AHEAD_SECONDS

    def restart(self) -> None:
        """Let the next picture follow the last one, whatever its time stamp."""
        self._restarted = True

    def place(self, stamp: float | None) -> float:
        """Return the time of the next picture, whose time stamp is `stamp` seconds."""
        time = self.last + self._step * self.started if stamp is None else self._shifted(stamp)
        if self.started and time <= self.last:  # two pictures with the same time
            time = self.last + self._step / 100
        self.started, self.last = True, max(0.0, time)
        return self.last

    def _shifted(self, stamp: float) -> float:
        if self._start is None or (not self.started and stamp < self._start):
            self._start = stamp
        if self._restarted and self.started:
            self._shift = self.last + self._step - (stamp - self._start)
        self._restarted = False
        return stamp - self._start + self._shift


class _Losses:
    """Counts damage in a file, from its first picture on, as a recording may begin between two keyframes.

    Attributes:
        spoilt: packets and pictures that are corrupt or cannot be decoded.
    """

    def __init__(self) -> None:
        self.spoilt = self._packets = self._pictures = 0
        self._guessed = self._interlaced = False

    def count_packet(self, packet: Any) -> None:
        if packet and not packet.is_discard:
            self._packets += 1
            self.spoilt += packet.is_corrupt

    def count_frame(self, frame: Any) -> None:
        if not self._pictures:
            self.spoilt = self._packets = 0
        self._pictures += 1
        self._interlaced |= frame.interlaced_frame
        self.spoilt += self._guessed  # the last picture does not count: a recorder may be switched off within it
        self._guessed = frame.is_corrupt

    def total(self) -> int:
        """Return the number of damaged parts; missing pictures count only if there are many.

        Some codecs have packets without a picture, and two fields may come as two packets.
        """
        missing = self._packets - self._pictures
        many = not self._interlaced and missing > max(2, MISSING_SHARE * self._packets)
        return max(self.spoilt, missing if many else 0)


class _Converter:
    """Converts decoded frames to upright planes of 8 bits, limited range and square pixels; most need no conversion."""

    def __init__(self, stream: Any, *, copied: bool) -> None:
        """Prepare for a stream; with `copied` planes are copied, which gives a hardware decoder its buffers back."""
        self._copied, self._aspect = copied, _pixel_aspect(stream.sample_aspect_ratio)
        # The tables for high dynamic range take seconds to build; a frame's own `reformat` would build them each time.
        self._reformatter = VideoReformatter()
        self._field: tuple[tuple[Any, ...], Any] = ((), None)

    def __call__(self, frame: Any) -> YuvPixels:
        rotation, bt709 = frame.rotation, frame.colorspace in BT709_AFTERWARDS or frame.color_trc in HIGH_DYNAMIC_RANGE
        frame = self._plain(frame, Colorspace.ITU709 if bt709 else Colorspace.ITU601)
        planes = [
            np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, : plane.width] for plane in frame.planes
        ]
        if rotation % 360 or self._copied:
            planes = [np.rot90(plane, round(rotation / 90)).copy() for plane in planes]
        return YuvPixels(*planes, bt709=bt709)

    def _plain(self, frame: Any, matrix: Colorspace) -> Any:
        """Return the frame as planes of this matrix with square pixels, converted if necessary."""
        width, height = frame.width, frame.height
        if frame.interlaced_frame:
            frame = self._upper_field(frame)
        square = max(1, round(width * self._aspect))
        if square * height > MAX_VIDEO_PIXELS:
            square = width
        if (frame.width, frame.height) == (square, height) and _is_plain(frame):
            return frame
        colours: dict[str, Any] = {"dst_colorspace": matrix, "dst_color_range": ColorRange.MPEG}
        if frame.color_trc in HIGH_DYNAMIC_RANGE:
            colours |= SRGB
        return self._reformatter.reformat(frame, square, height, "yuv420p", threads=1, **colours)

    def _upper_field(self, frame: Any) -> Any:
        """Return every other line, with a filter graph that is kept while the frames' format stays the same."""
        form = frame.width, frame.height, frame.format.name
        if form != self._field[0]:
            self._field = form, _field_graph(frame)
        graph = self._field[1]
        graph.push(frame)
        return graph.pull()


def _is_plain(frame: Any) -> bool:
    """Return whether the planes of a frame need no conversion, except of their size."""
    return (
        frame.format.name == "yuv420p"
        and frame.color_range != ColorRange.JPEG
        and frame.colorspace in PLAIN_MATRICES
        and frame.color_trc not in HIGH_DYNAMIC_RANGE
        and all(plane.line_size > 0 for plane in frame.planes)
    )


def _pixel_aspect(ratio: Fraction | None) -> float:
    """Return a pixel's width over its height; 1 where the container states none or an impossible one."""
    return float(ratio) if ratio and 1 / MAX_PIXEL_ASPECT <= ratio <= MAX_PIXEL_ASPECT else 1.0


def _field_graph(frame: Any) -> Any:
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or Fraction(1, 1000)
    )
    field, sink = graph.add("field", "type=top"), graph.add("buffersink")
    source.link_to(field)
    field.link_to(sink)
    graph.configure()
    return graph
