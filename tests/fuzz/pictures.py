"""Damaged pictures for the two readers: that of files, and that of what is sent to the live page."""

import os
import struct
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Self

import cv2
import numpy as np

from edge.web.decoding import MAX_DECODING_MEMORY_BYTES, Damaged, DecodingProcess, TooCostly
from edge.web.predict import DECODING_TIMEOUT, MOST_PIXELS

from .harness import ACCEPTED, BUG, REFUSED, Outcome, Worker, serve
from .mutations import NUMBERS, damage

FILES, UPLOADS = "files", "uploads"
"""The readers."""

TIMEOUT = 20.0
"""Seconds for a picture: one of the most pixels takes three."""

MOST_MB = {FILES: 2500, UPLOADS: 700}
"""Resident memory of each reader at most: the picture, as wide as its samples are, and its conversion."""

WHOLE_WAY = 100
"""Number of pictures of which one is sent the whole way, through a process of its own, as the live page does it."""

SIDE = 48


class Pictures:
    """Both readers, each in a worker that reports."""

    name, share = "pictures", 0.3

    def __init__(self) -> None:
        self._seeds = _seeds()
        module, pixels = "tests.fuzz.pictures", str(MOST_PIXELS)
        self._workers = {
            FILES: Worker(module, TIMEOUT, FILES),
            UPLOADS: Worker(module, TIMEOUT, UPLOADS, OPENCV_IO_MAX_IMAGE_PIXELS=pixels),
        }
        self._decoding, self._given = DecodingProcess(MOST_PIXELS, DECODING_TIMEOUT), 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._decoding.close()
        for worker in self._workers.values():
            worker.close()

    def make(self, random: Random) -> bytes:
        seed = random.choice(self._seeds)
        if random.random() < 0.3:
            seed = _sized(seed, random)
        if seed.startswith(b"\x89PNG"):
            return _checksummed(damage(seed, random, self._seeds)) if random.random() < 0.8 else damage(seed, random)
        if seed.startswith(b"\xff\xd8") and random.random() < 0.2:
            return _scanned(seed, random)
        return damage(seed, random, self._seeds)

    def give(self, content: bytes) -> Outcome:
        outcomes = [self._asked(name, content) for name in self._workers]
        self._given += 1
        if self._given % WHOLE_WAY == 0:
            outcomes.append(self._sent(content))
        return max(outcomes, key=lambda outcome: (outcome.kind == BUG, outcome.peak_mb))

    def check(self) -> Iterator[str]:
        return iter(())

    def _asked(self, name: str, content: bytes) -> Outcome:
        outcome = self._workers[name].ask(content)
        if outcome.peak_mb > MOST_MB[name]:
            return Outcome(BUG, f"{name}: {outcome.peak_mb:.0f} MB", outcome.peak_mb, outcome.seconds)
        return outcome

    def _sent(self, content: bytes) -> Outcome:
        try:
            self._decoding.decode(content)
        except (Damaged, TooCostly):
            return Outcome(REFUSED)
        return Outcome(ACCEPTED)


def _seeds() -> tuple[bytes, ...]:
    """Small pictures of every kind that this OpenCV and this FFmpeg write."""
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 4), np.uint8)
    deep, grey, colour = noise.astype(np.uint16) * 257, noise[..., 0], noise[..., :3]
    wanted = [
        (".jpg", colour, ()),
        (".jpg", grey, (cv2.IMWRITE_JPEG_QUALITY, 30)),
        (".jpg", colour, (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
        (".jpg", colour, (cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 1)),
        *((".png", image, ()) for image in (colour, grey, noise, deep)),
        (".webp", colour, (cv2.IMWRITE_WEBP_QUALITY, 60)),
        (".webp", noise, (cv2.IMWRITE_WEBP_QUALITY, 101)),
        *((".tiff", image, ()) for image in (colour, noise, deep, grey.astype(np.float32))),
        *((".bmp", image, ()) for image in (colour, noise, grey)),
        (".jp2", colour, ()),
        (".ppm", colour, ()),
        (".gif", colour, ()),
    ]
    found = []
    for suffix, image, flags in wanted:
        with suppress(cv2.error):
            done, content = cv2.imencode(suffix, image, flags)
            found += [content.tobytes()] * done
    return (*found, *_heif_seeds(colour))


def _heif_seeds(image: np.ndarray) -> list[bytes]:
    from _pytest.outcomes import Skipped

    from tests.edge.heif_files import heif

    os.environ.setdefault("SVT_LOG", "0")  # the encoder of AVIF is talkative
    tile, found = np.vstack([np.hstack([image] * 2)] * 2)[:64, :64], []
    for codec in ("libx265", "libsvtav1"):
        with suppress(Skipped):
            found.append(heif([tile], (64, 64), codec=codec))
            found.append(heif([tile] * 4, (128, 128), columns=2, codec=codec))
    return found


def _sized(content: bytes, random: Random) -> bytes:
    """Write another size into a header."""
    side = random.choice((*NUMBERS, 4000, 16_000, 65_500))
    for packed in (">I", "<I", ">H", "<H", "<h"):
        old = struct.pack(packed, SIDE)
        if (at := content.find(old, 2)) > 0:
            new = struct.pack(packed, side % (1 << 8 * len(old) - 1))
            at = content.find(old, at + 1) if random.random() < 0.5 else at
            return content[:at] + new + content[at + len(new) :]
    return content


def _checksummed(content: bytes) -> bytes:
    """Give the chunks of a PNG the check sums that belong to them, as far as their lengths lead."""
    parts, at = [content[:8]], 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        body = content[at + 4 : at + 8 + length]
        parts.append(content[at : at + 4] + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + length
    return b"".join(parts) + content[at:]


def _scanned(content: bytes, random: Random) -> bytes:
    """Repeat the last scan of a JPEG, at a large size, with something odd in between."""
    scan = content[content.rindex(b"\xff\xda") : -2][: random.choice((10, 14, 200))]
    between = random.choice((b"", b"\0", b"\xff", b"\xff\x02\xff\xff", b"\xff\xe1\0\x02", b"\xff\xd0", b"\xff\xd9"))
    frame = next((at for mark in (b"\xff\xc0", b"\xff\xc2") if (at := content.find(mark)) > 0), 0)
    if frame and random.random() < 0.8:
        size = struct.pack(">HH", random.choice((48, 4000)), random.choice((48, 4000)))
        content = content[: frame + 5] + size + content[frame + 9 :]
    return content[:-2] + (between + scan) * random.choice((1, 40, 2000)) + b"\xff\xd9"


def _read_file(content: bytes) -> tuple[str, str]:
    """As `emotion-edge predict` and `run` read it."""
    from edge.base.errors import UserError
    from edge.sources.pictures import read_image

    path = Path(tempfile.gettempdir()) / f"picture-{os.getpid()}"
    try:
        path.write_bytes(content)
        return _judged(read_image(path))
    except UserError as error:
        return (BUG, f"several lines: {error}") if "\n" in str(error) else (REFUSED, str(error))
    finally:
        path.unlink()


def _read_upload(content: bytes) -> tuple[str, str]:
    """As the process of the live page reads it, see `edge.web.decoding`."""
    from edge.sources.image_formats import BrokenPicture, TooManyPixels
    from edge.sources.stills import decode_still

    try:
        return _judged(decode_still(content, MOST_PIXELS))
    except (BrokenPicture, TooManyPixels, MemoryError) as error:
        return REFUSED, str(error)


def _judged(image: np.ndarray) -> tuple[str, str]:
    sound = image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size > 0
    return (ACCEPTED, "") if sound else (BUG, f"{image.dtype} {image.shape}")


if __name__ == "__main__":
    if sys.argv[1] == UPLOADS:
        from edge.base.child_process import limit_memory

        limit_memory(MAX_DECODING_MEMORY_BYTES)
    serve(_read_file if sys.argv[1] == FILES else _read_upload)
