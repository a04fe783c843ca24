"""The live page: a server of all cameras of a run."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from edge.base.listen import is_local, listen, own_names, url
from edge.base.run_statistics import Statistics
from edge.base.settings import Options
from edge.model.fastest_variant import load_chosen
from edge.outputs.prometheus import Metrics
from edge.outputs.rules.album import Album
from edge.pipeline.faults import Faults
from edge.pipeline.gate import Gate
from edge.web.album import SnapshotReader
from edge.web.app import create_app
from edge.web.guard import Guard
from edge.web.history import HistoryReader
from edge.web.live_camera import LiveCamera
from edge.web.predict import Predictor
from edge.web.server import Server, check_certificate
from edge.web.stats import model_facts
from edge.web.token import kept_token, own_token


class Shown(NamedTuple):
    """A camera that the page shows."""

    statistics: Statistics
    gate: Gate
    options: Callable[[], Options]


class LivePage:
    """Serves the page. It listens from the start, so that a port in use is an error before the run.

    Attributes:
        url: address of the page.
        stays: whether it continues after the end of the run, until it is closed.
        new_token: the token to show to the user, if it was just made.
        cameras: each camera as an output, by its name; that of a run's only camera is empty.
        classes: names of the model's classes.
        predictor: classifies uploaded pictures.
        history: reads the history of the run; None where it keeps none.
        snapshots: reads the snapshots of its rules.
        exposition: returns the metrics in Prometheus's format.
    """

    def __init__(
        self,
        address: tuple[str, int],
        options: Options,
        metrics: Metrics,
        certificate: tuple[Path, Path] | None = None,
        *,
        cameras: Mapping[str, Shown] | None = None,
        proxied_as: Sequence[str] = (),
        stays: bool = False,
        history: Path | None = None,
        album: Album | None = None,
    ) -> None:
        """Listen.

        Args:
            address: host and port; port 0 takes any free port.
            options: the recognizer's options; the page names their model and classifies uploads with it.
            metrics: the run's metrics, which the page serves as well.
            certificate: files of a certificate and its key, for TLS.
            cameras: the cameras by their names; by default one without a name, whose statistics are the run's.
            proxied_as: host names of a proxy, in lower case; clients then need a token.
            stays: whether it shows the last pictures after the end of the run, until it is closed.
            history: the database of the run's history.
            album: the snapshots of its rules.

        Raises:
            UserError: the address cannot be listened on, the certificate cannot be read, or no token can be stored.
        """
        if certificate:
            check_certificate(*certificate)  # first, because a new token must be shown
        self._options, self.predictor = options, Predictor(options)
        self.exposition: Callable[[str], tuple[bytes, str]] = metrics.exposition
        album = album or Album()
        album.follow(self._tell_snapshot)
        self.history, self.snapshots = HistoryReader(history, album) if history else None, SnapshotReader(album)
        self.classes = metrics.classes
        self.stays, self._closed, self._running = stays, False, set[str]()
        shown = {"": Shown(metrics.statistics, Gate(), lambda: options)} if cameras is None else cameras
        self.cameras = {
            name: LiveCamera(name, *camera, self._call, partial(self._camera_ended, name))
            for name, camera in shown.items()
        }
        for camera in self.cameras.values():
            camera.stats.releases = lambda: metrics.releases
        self._running = set(self.cameras)
        self._read_model()
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
                LiveCamera.name,
                app,
                listener,
                Faults(metrics.statistics),
                certificate,
                beat=self._beat,
                behind_proxy=bool(proxied_as),
            )
            undo.pop_all()

    @property
    def only(self) -> LiveCamera:
        """The first camera, which is a run's only one where there is no other."""
        return next(iter(self.cameras.values()))

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving; safe to call twice, and before serving."""
        if self._closed:
            return
        self._closed = True
        self._server.stop(self._close_topics)
        self.predictor.close()
        self.snapshots.close()
        if self.history:
            self.history.close()

    def reload(self) -> None:
        """Use and name the bundle that was loaded again; from any thread."""
        self._read_model()
        self.predictor.reload()

    def _read_model(self) -> None:
        facts: dict[str, Any] = model_facts(load_chosen(self._options))
        for camera in self.cameras.values():
            camera.stats.model = facts

    def _call(self, function: Callable[..., object], *arguments: Any) -> None:
        if hasattr(self, "_server"):
            self._server.call(function, *arguments)

    def _camera_ended(self, name: str) -> None:
        """Close the page with its last camera, unless it stays; called in the cameras' threads."""
        self._running.discard(name)
        if not self._running and not self.stays:
            self.close()

    def _tell_snapshot(self, snapshot: dict[str, Any]) -> None:
        """Send a snapshot to the clients of its camera; that of a run's only camera has the name of the source."""
        self.cameras.get(snapshot["camera"], self.only).tell_snapshot(snapshot)

    def _beat(self) -> None:
        for camera in self.cameras.values():
            camera.beat()

    def _close_topics(self) -> None:
        for camera in self.cameras.values():
            camera.close_topics()


def _token(*, local: bool) -> tuple[str | None, str | None]:
    """Return the token that clients need, or None, and the token again if it was just made."""
    if (token := own_token(os.environ)) or local:
        return token, None
    token, made = kept_token(os.environ)
    return token, token if made else None
