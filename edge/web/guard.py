"""Stands before the application: who may ask, from where, how often, and what a browser may do with the answer."""

from collections.abc import Iterable
from http import HTTPStatus
from secrets import compare_digest

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.listen import is_own
from edge.web.rates import Rate

SIGN_IN = "/sign-in"
STATIC = "/static/"
PUBLIC = ("/healthz", SIGN_IN)
"""What needs no token, with everything under `STATIC`: nothing in it was seen by a camera."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Guard:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, names: frozenset[str], token: str | None, cookie: str) -> None:
        """Guard `app`.

        Args:
            app: what is guarded.
            names: by which requests may be addressed, see `edge.listen`.
            token: what a client must have; None lets everybody in.
            cookie: name of the cookie that may carry it.
        """
        self._app, self._names, self._token, self._cookie = app, names, token, cookie
        self._rate = Rate(a_second=20, at_once=100)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        await (self._refusal(Request(scope)) or self._app)(scope, receive, send_on)

    def _refusal(self, request: Request) -> Response | None:
        """What is answered in the application's place; None lets the request through."""
        if not is_own(request.headers.get("host", ""), self._names):
            return refused(HTTPStatus.MISDIRECTED_REQUEST, "this server has another name")
        if _from_elsewhere(request):
            return refused(HTTPStatus.FORBIDDEN, "another site asks")
        if not self._rate.allows(client_of(request)):
            return refused(HTTPStatus.TOO_MANY_REQUESTS, "too many requests", {"Retry-After": "1"})
        if self._token is None or _is_public(request.scope["path"]) or self._has_token(request, self._token):
            return None
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)
        return refused(HTTPStatus.UNAUTHORIZED, "a token is needed", {"WWW-Authenticate": "Bearer"})

    def _has_token(self, request: Request, token: str) -> bool:
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        given = [request.cookies.get(self._cookie, ""), bearer.strip() if scheme.lower() == "bearer" else ""]
        return any_is(given, token)


def any_is(given: Iterable[str], token: str) -> bool:
    """Whether the token is among what was given, in a time that tells nothing of it."""
    return any([compare_digest(one.encode(), token.encode()) for one in given])  # noqa: C419 - all are compared


def refused(status: HTTPStatus, why: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An answer that says why there is no other."""
    return JSONResponse({"error": why}, status, headers)


def client_of(request: Request) -> str:
    """The address that a request comes from."""
    return request.client.host if request.client else ""


def _is_public(path: str) -> bool:
    return path in PUBLIC or path.startswith(STATIC)


def _from_elsewhere(request: Request) -> bool:
    """Whether another site's page asks, other than by a link. Programs send neither of the headers."""
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return not (request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate")
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host')}"
    return request.method not in ("GET", "HEAD") and origin is not None and origin != own


def _add_headers(headers: MutableHeaders, path: str) -> None:
    headers.update(HEADERS)
    # Pages are asked for anew after an update; what a camera saw is in nobody's cache.
    headers["Cache-Control"] = "no-cache" if path.startswith(STATIC) else "no-store"
