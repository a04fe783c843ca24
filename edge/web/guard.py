"""Middleware for host names, cross-site requests, rate limits, tokens and security headers."""

import asyncio
import base64
from collections.abc import Iterable
from http import HTTPStatus
from secrets import compare_digest
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.base.listen import is_own
from edge.web.rates import Rate

SIGN_IN = "/sign-in"
STATIC = "/static/"
PUBLIC = ("/healthz", SIGN_IN)
"""Paths that need no token, in addition to those under `STATIC`: they show nothing of the camera."""

SLOWED = 0.5
"""Delay of a 429 response, seconds: refusing at once would cost as much as answering."""

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
    """ASGI middleware that refuses requests before they reach the application."""

    def __init__(
        self, app: ASGIApp, names: frozenset[str], proxied_as: frozenset[str], token: str | None, cookie: str
    ) -> None:
        """Guard `app`.

        Args:
            app: application.
            names: host names that requests may use, see `edge.base.listen`.
            proxied_as: host names of a proxy, which may end TLS.
            token: token that clients need; None lets everybody in.
            cookie: name of the cookie for the token.
        """
        self._app, self._names, self._proxied_as = app, names | proxied_as, proxied_as
        self._token, self._cookie = token, cookie
        self._rate = Rate(a_second=20, at_once=100)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), scope["path"])
            await send(message)

        refusal = self._refusal(Request(scope))
        if refusal and refusal.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            await asyncio.sleep(SLOWED)
        await (refusal or self._app)(scope, receive, send_on)

    def _refusal(self, request: Request) -> Response | None:
        """Return the refusal of a request; None lets it through."""
        if not is_own(request.headers.get("host", ""), self._names):
            return refused(HTTPStatus.MISDIRECTED_REQUEST, "this server has another name")
        if _from_elsewhere(request, self._proxied_as):
            return refused(HTTPStatus.FORBIDDEN, "another site asks")
        if not self._rate.allows(client_of(request)):
            return refused(HTTPStatus.TOO_MANY_REQUESTS, "too many requests", {"Retry-After": "1"})
        if self._token is None or _is_public(request.scope["path"]) or self._has_token(request, self._token):
            return None
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse(SIGN_IN, HTTPStatus.SEE_OTHER)
        # Offered Basic authentication, a browser would open its own password dialog over the page.
        scheme = "Bearer" if "sec-fetch-mode" in request.headers else 'Basic realm="emotion-edge"'
        return refused(HTTPStatus.UNAUTHORIZED, "a token is needed", {"WWW-Authenticate": scheme})

    def _has_token(self, request: Request, token: str) -> bool:
        given = [request.cookies.get(self._cookie, ""), _credential(request.headers.get("authorization", ""))]
        return any_is(given, token)


def _credential(authorization: str) -> str:
    """Return the bearer token, or the password of Basic authentication, which MJPEG viewers support."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def any_is(given: Iterable[str], token: str) -> bool:
    """Compare tokens in constant time."""
    return any([compare_digest(one.encode(), token.encode()) for one in given])  # noqa: C419 - all are compared


def refused(status: HTTPStatus, why: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return a response with the reason of a refusal."""
    return JSONResponse({"error": why}, status, headers)


def client_of(request: Request) -> str:
    """Return the client's address."""
    return request.client.host if request.client else ""


def _is_public(path: str) -> bool:
    return path in PUBLIC or path.startswith(STATIC)


def _from_elsewhere(request: Request, proxied_as: frozenset[str]) -> bool:
    """Return whether a page of another site makes the request, other than by a link. Programs send no such headers."""
    if request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return not (request.method == "GET" and request.headers.get("sec-fetch-mode") == "navigate")
    origin = request.headers.get("origin")
    if request.method in ("GET", "HEAD") or origin is None:
        return False
    # A proxy may have ended TLS and changed Host, so only the name that the browser used is known.
    return origin != f"{request.url.scheme}://{request.headers.get('host')}" and _host_of(origin) not in proxied_as


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).hostname or ""
    except ValueError:
        return ""


def _add_headers(headers: MutableHeaders, path: str) -> None:
    headers.update(HEADERS)
    # Browsers revalidate pages after an update; the camera's pictures are never cached.
    headers["Cache-Control"] = "no-cache" if path.startswith(STATIC) else "no-store"
