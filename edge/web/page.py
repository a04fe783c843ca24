"""The live page, an output like any other: each result goes to all who look, and a picture of it now and then."""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edge.base.listen import is_local, listen, own_names, url
from edge.base.settings import Options
from edge.faces.results import FrameResult
from edge.outputs.prometheus import Metrics
from edge.pipeline.faults import Faults
from edge.sources.frame import Frame
from edge.web.app import create_app
from edge.web.guard import Guard
from edge.web.pictures import Encoder
from edge.web.predict import Predictor
from edge.web.server import Server, check_certificate
from edge.web.stats import Stats
from edge.web.token import kept_token, own_token
from edge.web.topics import Topic

MOST_PICTURES, MOST_EVENTS = 8, 16
"""Clients that may follow each at one time."""


class LivePage:
    """Serves the page. The socket listens from the beginning, so a port in use is known before anything runs.

    Attributes:
        name: as the statistics give it.
        url: where the page is.
        stays: whether it goes on after the end of the run, until it is closed.
        new_token: the token to be told to the user, where it was made just now.
        pictures: parts of an MJPEG stream.
        events: server-sent events: `record`, `stats`, and `ended`.
        stats: how the run is doing.
        latest: the newest record as JSON; None before the first.
        predictor: reads what is sent to it.
        encoder: makes the pictures.
        exposition: answers with the metrics as Prometheus reads them.
    """

    name = "live page"
    complete = False

    def __init__(
        self,
        address: tuple[str, int],
        options: Options,
        metrics: Metrics,
        certificate: tuple[Path, Path] | None = None,
        *,
        proxied_as: Sequence[str] = (),
        stays: bool = False,
    ) -> None:
        """Listen.

        Args:
            address: host and port; port 0 is any free one.
            options: of the recognizer, whose model the page names and pictures are read with.
            metrics: of the run; another output, which this one shows as well.
            certificate: files of a certificate and its key, for TLS.
            proxied_as: names, in small letters, by which a proxy is asked for the page; a token is needed then.
            stays: whether it shows the last picture after the end of the run, until it is closed.

        Raises:
            UserError: the address cannot be listened on, the certificate cannot be read, or a token not be kept.
        """
        if certificate:
            check_certificate(*certificate)  # first: a token that was made must be told
        self.stats, self.predictor, self.encoder = Stats(metrics.statistics, options), Predictor(options), Encoder()
        self.exposition: Callable[[str], tuple[bytes, str]] = metrics.exposition
        self.pictures, self.events = Topic(MOST_PICTURES), Topic(MOST_EVENTS)
        self.latest: bytes | None = None
        self.stays, self._closed = stays, False
        self._last: Frame | None = None
        with ExitStack() as undo:
            listener = undo.enter_context(listen(*address, "--web"))
            local = is_local(listener)
            self.url = url(listener, secure=certificate is not None)
            # A proxy on this machine lets everybody in whom it knows.
            token, self.new_token = _token(local=local and not proxied_as)
            # Cookies are told apart by the host, not by the port: two runs on one machine need two names.
            cookie = f"emotion-edge-{listener.getsockname()[1]}"
            names = own_names(address[0], local=local)
            app = Guard(create_app(self, token, cookie), names, frozenset(proxied_as), token, cookie)
            self._server = Server(
                self.name,
                app,
                listener,
                Faults(metrics.statistics),
                certificate,
                beat=self._beat,
                behind_proxy=bool(proxied_as),
            )
            undo.pop_all()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def write(self, result: FrameResult) -> None:
        self.stats.note(result)
        self._last = result.frame
        self.latest = result.line.encode()
        picture = self.encoder.part(result.frame) if self.pictures.wanted else None
        self._server.call(self._publish, _event("record", self.latest), picture)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stats.end()
        picture = self.encoder.encoded(self._last) if self._last and self.stays else None
        self._server.call(self._end, self.latest, picture)
        if not self.stays:
            self.close()

    def close(self) -> None:
        """Serve no more; safe to call twice, and where nothing was served."""
        if self._closed:
            return
        self._closed = True
        self._server.stop(self._close_topics)
        self.predictor.close()

    def reload(self) -> None:
        """The bundle was loaded anew: name and use it; from any thread."""
        self.stats.reload()
        self.predictor.reload()

    def _publish(self, record: bytes, picture: bytes | None) -> None:
        self.events.publish("record", record)
        if picture:
            self.pictures.publish("picture", picture)

    def _beat(self) -> None:
        """Tells the page that all is well, too, when no frames come."""
        if self.events.wanted:
            self.events.publish("stats", _event("stats", json.dumps(self.now()).encode()))

    def now(self) -> dict[str, Any]:
        """Return the statistics of the run and the number of viewers."""
        watching = {"pictures": len(self.pictures), "events": len(self.events)}
        return self.stats.now() | {"watching": watching, "pictures_encoded": self.encoder.count}

    def _end(self, record: bytes | None, picture: bytes | None) -> None:
        """Tell that the run is over; who comes later sees its last frame."""
        if record:
            self.events.keep("record", _event("record", record))
        if picture:
            self.pictures.keep("picture", picture)
        self.events.keep("ended", _event("ended", b"{}"))

    def _close_topics(self) -> None:
        self.events.close()
        self.pictures.close()


def _event(kind: str, data: bytes) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def _token(*, local: bool) -> tuple[str | None, str | None]:
    """Return the token that clients need, None for none, and the token again where it is new to the user."""
    if (token := own_token(os.environ)) or local:
        return token, None
    token, made = kept_token(os.environ)
    return token, token if made else None
