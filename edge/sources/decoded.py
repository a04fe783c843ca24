"""Base of the sources whose frames come from a decoder."""

import time
from collections.abc import Callable

from edge.base.errors import UserError
from edge.sources.decoder import Decoder
from edge.sources.frame import Frame


class DecodedSource:
    """The frames of a decoder: live, each at the time of its arrival, or a recording's, each at its own.

    Attributes:
        damage: what is missing of a recording that was read to its end; None where it is whole.
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
        """Take ownership of `decoder`, and take a first picture: containers open also where nothing can be decoded.

        Args:
            name: as records give it.
            decoder: of which nothing has been read.
            live: whether frames are about now.
            opened: Unix seconds from which a recording's times count; by default now.
            refusal: makes the error of a decoder that gives no picture, for the reason that it is given.

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
        self._seq, self._opened = 0, time.time() if opened is None else opened

    def read(self) -> Frame | None:
        picture, self._first = self._first or self._decoder.read(), None
        if picture is None:
            self.damage = None if self.live else self._decoder.damage
            return None
        captured = time.time() if self.live else self._opened + picture.seconds
        frame = Frame(self._seq, captured, picture.image, self.name, time.monotonic())
        self._seq += 1
        return frame

    def close(self) -> None:
        """Release the decoder and what it reads; safe to call twice."""
        self._first = None
        self._decoder.close()
