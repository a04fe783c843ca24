"""The live page as an output: sends each result to all clients, and a picture of it now and then."""

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
from edge.web.history import HistoryReader
from edge.web.pictures import Encoder
from edge.web.predict import Predictor
from edge.web.server import Server, check_certificate
from edge.web.stats import Stats
from edge.web.token import kept_token, own_token
from edge.web.topics import Topic

MAX_PICTURE_CLIENTS, MAX_EVENT_CLIENTS = 8, 16
"""Most clients of each stream at one time."""


class LivePage:
    """Serves the page. It listens from the start, so that a port in use is an error before the run.

    Attributes:
        name: name in the statistics.
        url: address of the page.
        stays: whether it continues after the end of the run, until it is closed.
        new_token: the token to show to the user, if it was just made.
        pictures: parts of an MJPEG stream.
        events: server-sent events: `record`, `stats` and `ended`.
        stats: statistics of the run.
        latest: latest record as JSON; None before the first.
        classes: names of the model's classes.
        predictor: classifies uploaded pictures.
        history: reads the history of the run; None where it keeps none.
        encoder: encodes the pictures.
        exposition: returns the metrics in Prometheus's format.
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
        history: Path | None = None,
    ) -> None:
        """Listen.

        Args:
            address: host and port; port 0 takes any free port.
            options: the recognizer's options; the page names their model and classifies uploads with it.
            metrics: the run's metrics, which the page serves as well.
            certificate: files of a certificate and its key, for TLS.
            proxied_as: host names of a proxy, in lower case; clients then need a token.
            stays: whether it shows the last picture after the end of the run, until it is closed.
            history: the database of the run's history.

        Raises:
            UserError: the address cannot be listened on, the certificate cannot be read, or no token can be stored.
        """
        if certificate:
            check_certificate(*certificate)  # first, because a new token must be shown
        self.stats, self.predictor, self.encoder = Stats(metrics.statistics, options), Predictor(options), Encoder()
        self.exposition: Callable[[str], tuple[bytes, str]] = metrics.exposition
        self.history = HistoryReader(history) if history else None
        self.pictures, self.events = Topic(MAX_PICTURE_CLIENTS), Topic(MAX_EVENT_CLIENTS)
        self.latest: bytes | None = None
        self.classes = metrics.classes
        self.stays, self._closed = stays, False
        self._last: Frame | None = None
        with ExitStack() as undo:
            listener = undo.enter_context(listen(*address, "--web"))
            local = is_local(listener)
            self.url = url(listener, secure=certificate is not None)
            # Clients of a proxy on this machine would otherwise count as local.
            token, self.new_token = _token(local=local and not proxied_as)
            # Browsers separate cookies by host, not by port, so two runs on one machine need two names.
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
        """Stop serving; safe to call twice, and before serving."""
        if self._closed:
            return
        self._closed = True
        self._server.stop(self._close_topics)
        self.predictor.close()
        if self.history:
            self.history.close()

    def reload(self) -> None:
        """Use and name the bundle that was loaded again; from any thread."""
        self.stats.reload()
        self.predictor.reload()

    def _publish(self, record: bytes, picture: bytes | None) -> None:
        self.events.publish("record", record)
        if picture:
            self.pictures.publish("picture", picture)

    def _beat(self) -> None:
        """Send statistics, also while no frames come."""
        if self.events.wanted:
            self.events.publish("stats", _event("stats", json.dumps(self.now()).encode()))

    def now(self) -> dict[str, Any]:
        """Return the run's statistics and the number of viewers."""
        watching = {"pictures": len(self.pictures), "events": len(self.events)}
        return self.stats.now() | {"watching": watching, "pictures_encoded": self.encoder.count}

    def _end(self, record: bytes | None, picture: bytes | None) -> None:
        """Announce the end of the run; later visitors see its last frame."""
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
    """Return the token that clients need, or None, and the token again if it was just made."""
    if (token := own_token(os.environ)) or local:
        return token, None
    token, made = kept_token(os.environ)
    return token, token if made else None
