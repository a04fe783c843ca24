"""Reads the faces of a picture that somebody sends, aside from the camera's."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from edge.base.settings import Options, Smoothing
from edge.faces.recognizer import Recognizer
from edge.sources.frame import Frame
from edge.sources.kinds import HEAD, picture_kind
from edge.web.decoding import Damaged, DecodingProcess

MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 16_000_000
"""A picture of so many takes 48 MB and a fraction of a second."""

MOST_WAITING = 4
"""Pictures that are received, read, or wait for it at one time."""

DECODING_TIMEOUT = 10.0
"""Seconds; a picture of the most pixels takes a fraction of one, on a small board a few."""

KINDS = ("JPEG", "PNG", "WebP", "HEIC", "AVIF")
"""Kinds of pictures that phones and browsers send."""


class Busy(Exception):  # noqa: N818
    """Enough others wait."""


class Predictor:
    """Has a recognizer of its own, for a recognizer belongs to one thread; it is loaded when first needed."""

    def __init__(self, options: Options) -> None:
        # One picture is all there is of a face: nothing to average over.
        self._options = replace(options, smoothing=Smoothing(time_constant=0))
        self._thread = ThreadPoolExecutor(1, "predict")
        self._recognizer: Recognizer | None = None
        self._decoding = DecodingProcess(MOST_PIXELS, DECODING_TIMEOUT)
        self._waiting = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place for one picture.

        Raises:
            Busy: none is left.
        """
        if self._waiting >= MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def predict(self, content: bytes) -> dict[str, Any]:
        """The record of a picture, for who has a place.

        Raises:
            Damaged: it cannot be decoded, or is of another kind.
            TooCostly: it has too many pixels, or takes too long or too much memory.
            UserError: the bundle was there at the start and is not any more.
        """
        if picture_kind(content[:HEAD]) not in KINDS:
            raise Damaged
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._predict, content)

    def reload(self) -> None:
        """Read the next picture with the bundle as it is then; from any thread."""
        self._thread.submit(self._forget_model)

    def close(self) -> None:
        """Read no more; what is being read now is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._decoding.close()

    def _forget_model(self) -> None:
        self._recognizer = None

    def _predict(self, content: bytes) -> dict[str, Any]:
        image = self._decoding.decode(content)
        if self._recognizer is None:
            self._recognizer = Recognizer.from_options(self._options)
        return self._recognizer.recognize(Frame(0, time.time(), image, "upload", time.monotonic())).record()
