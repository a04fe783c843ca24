"""Classify the faces of uploaded pictures."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from edge.base.settings import Options, Smoothing
from edge.faces.recognizer import Recognizer
from edge.sources.frame import Frame
from edge.sources.image_formats import HEAD, picture_kind
from edge.sources.pixels import BgrPixels
from edge.web.decoding import Damaged, DecodingProcess
from edge.web.places import Places

MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 16_000_000
"""Largest picture, pixels; it takes 48 MB and a fraction of a second."""

MOST_WAITING_PICTURES = 4
"""Most pictures that are received, queued or classified at one time."""

DECODING_TIMEOUT = 10.0
"""Time-out of decoding, seconds; the largest picture takes a fraction of a second, on a small board a few seconds."""

UPLOAD_KINDS = ("JPEG", "PNG", "WebP", "HEIC", "AVIF")
"""Kinds of pictures that phones and browsers send."""


class Predictor(Places):
    """Classifies uploads by a recognizer of its own, which belongs to one thread and is loaded when first needed.

    Attributes:
        waiting: number of pictures that are received, queued or classified.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(MOST_WAITING_PICTURES)
        # There is one picture of each face, so no smoothing.
        self._options = replace(options, smoothing=Smoothing(time_constant=0))
        self._thread = ThreadPoolExecutor(1, "predict")
        self._recognizer: Recognizer | None = None
        self._decoding = DecodingProcess(MOST_PIXELS, DECODING_TIMEOUT)

    async def predict(self, content: bytes) -> dict[str, Any]:
        """Return the record of a picture; the caller holds a place.

        Raises:
            Damaged: it cannot be decoded, or its kind is not supported.
            TooCostly: it has too many pixels, or takes too long or too much memory.
            UserError: the bundle can no longer be loaded.
        """
        if picture_kind(content[:HEAD]) not in UPLOAD_KINDS:
            raise Damaged
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._predict, content)

    def reload(self) -> None:
        """Load the bundle again for the next picture; from any thread."""
        self._thread.submit(self._forget_model)

    def close(self) -> None:
        """Stop; do not wait for a picture in progress."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._decoding.close()

    def _forget_model(self) -> None:
        self._recognizer = None

    def _predict(self, content: bytes) -> dict[str, Any]:
        image = self._decoding.decode(content)
        if self._recognizer is None:
            self._recognizer = Recognizer.from_options(self._options)
        return self._recognizer.recognize(Frame(time.time(), BgrPixels(image), "upload", time.monotonic())).record()
