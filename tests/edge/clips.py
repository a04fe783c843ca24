"""Videos of every kind that people have, made for the tests."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from edge.base.ffmpeg import av

WOMAN = Path(__file__).parents[3] / "shared" / "video" / "woman2.mp4"
"""A real clip, which not every machine has."""

RATE = 25
"""Frames a second."""


def shades(count: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """Grey pictures, uint8 `[height, width, 3]`, each a little brighter than the one before."""
    return [np.full((height, width, 3), 40 + 160 * i // max(1, count - 1), np.uint8) for i in range(count)]


def noise(count: int, width: int = 160, height: int = 120) -> list[np.ndarray]:
    """Pictures full of detail: their files are long enough to be cut."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(count)]


def write_video(
    path: Path,
    pictures: Iterable[np.ndarray],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    at: Iterable[float] | None = None,
    cover: bool = False,
    sound: float = 0.0,
    rotation: int = 0,
    pixel_aspect: Fraction | None = None,
    colours: tuple[int, int, int] | None = None,
    options: Mapping[str, str] = {},
    container: Mapping[str, str] = {},
) -> Path:
    """Write a video.

    Args:
        path: the file; its suffix decides on the container.
        pictures: uint8 or uint16 RGB `[h, w, 3]`.
        codec: FFmpeg's name of the encoder.
        pixel_format: FFmpeg's name of it.
        at: seconds at which each picture is shown, by default `1 / RATE` apart.
        cover: whether a still picture comes first, as a stream of its own.
        sound: seconds of silence that go with it.
        rotation: degrees, counted as PyAV does, by which a player turns the pictures.
        pixel_aspect: a pixel's width over its height.
        colours: FFmpeg's numbers for colour space, transfer curve and primaries.
        options: the encoder's.
        container: the muxer's.
    """
    pictures = list(pictures)
    with av.open(str(path), "w", options=dict(container)) as file:
        still = _stream(file, "mjpeg", pictures[0], "yuvj420p", {}) if cover else None
        stream = _stream(file, codec, pictures[0], pixel_format, options)
        speech = file.add_stream("aac", rate=8000, layout="mono") if sound else None
        if rotation:
            stream.set_display_rotation(rotation)
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if colours:
            context = stream.codec_context
            context.colorspace, context.color_trc, context.color_primaries = colours
        if still:
            _encode(file, still, [(0.0, pictures[0])], None)
        times = at if at is not None else (i / RATE for i in range(len(pictures)))
        _encode(file, stream, zip(times, pictures, strict=True), colours)
        if speech:
            _silence(file, speech, sound)
    return path


def _stream(file: Any, codec: str, picture: np.ndarray, pixel_format: str, options: Mapping[str, str]) -> Any:
    stream = file.add_stream(codec, rate=RATE, options=dict(options))
    stream.height, stream.width = picture.shape[:2]
    stream.pix_fmt = pixel_format
    stream.codec_context.time_base = Fraction(1, 1000) if codec not in ("dvvideo", "mpeg2video") else Fraction(1, RATE)
    return stream


def _encode(file: Any, stream: Any, pictures: Iterable[tuple[float, np.ndarray]], colours: Any) -> None:
    base = stream.codec_context.time_base
    for time, picture in pictures:
        depth = "rgb24" if picture.dtype == np.uint8 else "rgb48le"
        frame = av.VideoFrame.from_ndarray(picture, depth)
        frame = frame.reformat(format=stream.pix_fmt, dst_colorspace=colours[0] if colours else None)
        if colours:
            frame.colorspace, frame.color_trc, frame.color_primaries = colours
        frame.pts, frame.time_base = round(time / base), base
        file.mux(stream.encode(frame))
    file.mux(stream.encode())


def _silence(file: Any, stream: Any, seconds: float) -> None:
    for start in range(0, round(8000 * seconds), 1024):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 8000, start, Fraction(1, 8000)
        file.mux(stream.encode(frame))
    file.mux(stream.encode())
