"""Serve the metrics for Prometheus without the live page."""

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from edge.base.listen import is_local, listen, own_names
from edge.base.run_statistics import Statistics
from edge.outputs.prometheus import Metrics, Subject
from edge.pipeline.faults import Faults
from edge.web.guard import Guard
from edge.web.server import Server


class ServedMetrics(Metrics):
    """Server of the metrics at an address of their own, without a token; a context manager."""

    def __init__(
        self, subject: Subject, address: tuple[str, int], cameras: Mapping[str, Statistics] | None = None
    ) -> None:
        """Listen, so that a wrong address is an error before the run starts.

        Raises:
            UserError: the address is in use, or does not belong to this machine.
        """
        super().__init__(subject, cameras)
        listener = listen(*address, "--metrics")
        names = own_names(address[0], local=is_local(listener))

        async def answer(request: Request) -> Response:
            return exposed(self.exposition, request)

        app = Starlette(routes=[Route("/metrics", answer), Route("/", answer)])
        guard = Guard(app, names, proxied_as=frozenset(), token=None, cookie="")
        self._server = Server("metrics server", guard, listener, Faults(self.statistics))

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()


def exposed(exposition: Callable[[str], tuple[bytes, str]], request: Request) -> Response:
    """Return the metrics in the format that the request prefers."""
    text, content_type = exposition(request.headers.get("accept", ""))
    return Response(text, media_type=content_type)
