"""Base class of sources whose frames come from a decoder."""

import time
from collections.abc import Callable

from edge.base.errors import UserError
from edge.sources.decoder import Decoder
from edge.sources.frame import Frame


class DecodedSource:
    """Frames of a decoder. Live frames have their time of arrival, those of a recording the recording's time.

    Attributes:
        damage: what is missing from a damaged recording, known at its end; None where it is whole.
    """

    def __init__(
        self,
        name: str,
        decoder: Decoder,
        *,
        live: bool = False,
        opened: float | None = None,
        refusal: Callable[[str], UserError],
    ) -> None:
        """Take ownership of `decoder` and read a first picture, since a container may open and still not decode.

        Args:
            name: name in the records.
            decoder: a decoder that has not been read from.
            live: whether the source is a camera.
            opened: Unix time of a recording's second 0; by default now.
            refusal: makes the error for a decoder without a picture from the reason.

        Raises:
            UserError: there is no picture.
        """
        self.name, self.live, self._decoder = name, live, decoder
        self._first = decoder.read()
        if self._first is None:
            decoder.close()
            raise refusal(decoder.damage or "no picture can be decoded")
        self.fps, self.duration = decoder.rate, decoder.duration
        self.total = None if live else decoder.frames
        self.damage: str | None = None
        self._opened = time.time() if opened is None else opened

    def read(self) -> Frame | None:
        picture, self._first = self._first or self._decoder.read(), None
        if picture is None:
            self.damage = None if self.live else self._decoder.damage
            return None
        captured = time.time() if self.live else self._opened + picture.seconds
        return Frame(captured, picture.pixels, self.name, time.monotonic())

    def close(self) -> None:
        """Release the decoder and its input; safe to call twice."""
        self._first = None
        self._decoder.close()
