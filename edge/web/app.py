"""The web application: its routes and their responses, which `static/openapi.json` documents."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from edge.base.classes import key_of
from edge.base.errors import UserError
from edge.outputs.palette import colour_of
from edge.pipeline.gate import SWITCH
from edge.web.album import SnapshotReader
from edge.web.decoding import Damaged, TooCostly
from edge.web.exposition import exposed
from edge.web.guard import SIGN_IN, STATIC, any_is, client_of, refused
from edge.web.history import HistoryReader, asked_span, asked_step
from edge.web.live_camera import LiveCamera
from edge.web.pictures import MEDIA_TYPE, OPENING
from edge.web.places import Busy
from edge.web.predict import MOST_BYTES, UPLOAD_KINDS, Predictor
from edge.web.rates import Rate
from edge.web.topics import Full, Topic, joined

FILES = Path(__file__).with_name("static")
CAMERAS = "/api/v1/cameras"
CAMERA = CAMERAS + "/{camera}"
MOST_FORM_BYTES = 4096
SLOWEST = 20.0
"""Time-out for the body of a picture or a form, seconds."""

COOKIE_MAX_AGE = 30 * 24 * 3600
"""Seconds for which a browser stays signed in."""


class Live(Protocol):
    """Parts that the application shows."""

    cameras: dict[str, LiveCamera]
    predictor: Predictor
    history: HistoryReader | None
    snapshots: SnapshotReader
    classes: tuple[str, ...]
    exposition: Callable[[str], tuple[bytes, str]]


def create_app(live: Live, token: str | None, cookie: str) -> Starlette:
    """Return the application."""
    return Starlette(
        routes=[
            Route("/", _file("index.html")),
            Route("/api", _file("api.html")),
            Route("/openapi.json", _file("openapi.json")),
            *_of_cameras(live),
            Route(CAMERAS, partial(_cameras, live)),
            *_switches(live),
            Route("/api/v1/history", _history(live)),
            Route("/api/v1/snapshots/{folder}/{name}", partial(_snapshot, live)),
            Route("/api/v1/predict", _predict(live), methods=["POST"], max_body_size=MOST_BYTES),
            Route("/healthz", partial(_health, live)),
            Route("/metrics", partial(_metrics, live)),
            Route(SIGN_IN, _file("sign-in.html")),
            Route(SIGN_IN, _sign_in(token, cookie), methods=["POST"], max_body_size=MOST_FORM_BYTES),
            Route(STATIC + "palette.css", _palette(live.classes)),
            Mount(STATIC, StaticFiles(directory=FILES)),
        ]
    )


def _of_cameras(live: Live) -> Iterator[Route]:
    """Yield the routes of each camera, and the same without a name for the first camera or `?camera=NAME`."""
    pictures = partial(Stream, live, lambda camera: camera.pictures, MEDIA_TYPE, OPENING)
    events = partial(Stream, live, lambda camera: camera.events, "text/event-stream", b"retry: 1000\n\n")
    for named, stream in (("stream.mjpg", pictures), ("events", events)):
        yield Route(f"/{named}", stream(_one), methods=["GET"])
        # Browsers open six connections to a server at most, so a page of many cameras takes one stream of all.
        yield Route(f"{CAMERAS}/{named}", stream(_all), methods=["GET"])
        yield Route(f"{CAMERA}/{named}", stream(_one), methods=["GET"])
    for named, answer in (("latest", _latest), ("stats", _stats)):
        yield Route(f"/api/v1/{named}", partial(answer, live))
        yield Route(f"{CAMERA}/{named}", partial(answer, live))


def _switches(live: Live) -> Iterator[Route]:
    """Yield the routes that pause and resume a camera, or all."""
    for action in ("pause", "resume"):
        answer = partial(_switch, live, action == "pause")
        yield Route(f"/api/v1/{action}", answer, methods=["POST"])
        yield Route(f"{CAMERA}/{action}", answer, methods=["POST"])


class Stream:
    """Response that streams the topics of cameras until the client leaves; 503 where there are too many clients."""

    def __init__(
        self,
        live: Live,
        topic: Callable[[LiveCamera], Topic],
        media_type: str,
        opening: bytes,
        cameras: Callable[[Live, Request], Iterable[LiveCamera]],
    ) -> None:
        self._live, self._topic_of, self._media_type, self._opening = live, topic, media_type, opening
        self._cameras_of = cameras

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        topics = [self._topic_of(camera) for camera in self._cameras_of(self._live, Request(scope))]
        if scope["method"] == "HEAD":
            await Response(media_type=self._media_type)(scope, receive, send)
            return
        try:
            with joined(topics, self._opening) as slot:
                await StreamingResponse(slot, media_type=self._media_type)(scope, receive, send)
        except Full:
            why = refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many clients", {"Retry-After": "5"})
            await why(scope, receive, send)


def _file(name: str) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        return FileResponse(FILES / name)

    return answer


def _camera(live: Live, request: Request) -> LiveCamera:
    """Return the camera of a request: in its path, by `?camera=NAME`, or the first one."""
    first = next(iter(live.cameras))
    name = request.path_params.get("camera", request.query_params.get("camera", first))
    if name not in live.cameras:
        raise HTTPException(HTTPStatus.NOT_FOUND, "no such camera")
    return live.cameras[name]


def _one(live: Live, request: Request) -> Iterable[LiveCamera]:
    return [_camera(live, request)]


def _all(live: Live, request: Request) -> Iterable[LiveCamera]:
    return live.cameras.values()


async def _latest(live: Live, request: Request) -> Response:
    if (latest := _camera(live, request).latest) is None:
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return Response(latest, media_type="application/json")


async def _stats(live: Live, request: Request) -> Response:
    return JSONResponse(_camera(live, request).now())


async def _cameras(live: Live, request: Request) -> Response:
    return JSONResponse(_facts(live, live.cameras.values()))


async def _switch(live: Live, paused: bool, request: Request) -> Response:
    """Pause or resume the camera of the path, or all."""
    chosen = [_camera(live, request)] if "camera" in request.path_params else list(live.cameras.values())
    # On another thread: whoever follows a gate may wait for a result that is just being written.
    for camera in chosen:
        await asyncio.to_thread(camera.gate.set, SWITCH, paused)
    return JSONResponse(_facts(live, chosen))


def _facts(live: Live, cameras: Iterable[LiveCamera]) -> list[dict[str, Any]]:
    stored = live.history is not None
    return [
        {"name": one.camera, "state": one.stats.state, "paused_by": one.gate.reasons, "stored": stored}
        for one in cameras
    ]


async def _health(live: Live, request: Request) -> Response:
    """Answer with the state of the cameras: stalled where all that are not paused or ended are."""
    states = [camera.stats.state for camera in live.cameras.values()]
    active = [state for state in states if state not in ("paused", "ended")] or states
    state = next((state for state in ("running", "starting") if state in active), active[0])
    return JSONResponse({"status": state}, HTTPStatus.SERVICE_UNAVAILABLE if state == "stalled" else HTTPStatus.OK)


async def _metrics(live: Live, request: Request) -> Response:
    return exposed(live.exposition, request)


async def _body(request: Request) -> bytes:
    """Return the body."""
    try:
        async with asyncio.timeout(SLOWEST):
            return await request.body()
    except TimeoutError as error:
        raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from error
    except ClientDisconnect as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST) from error  # the client has left, so nothing is sent or logged


def _predict(live: Live) -> Callable[[Request], Any]:
    rate = Rate(a_second=5, at_once=10)

    async def answer(request: Request) -> Response:
        if not rate.allows(client_of(request)):
            return refused(HTTPStatus.TOO_MANY_REQUESTS, "too many pictures", {"Retry-After": "1"})
        try:
            with live.predictor.place():  # before the body, which may have megabytes
                return JSONResponse(await live.predictor.predict(await _body(request)))
        except Damaged:
            return refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"no image that can be read: {', '.join(UPLOAD_KINDS)}")
        except TooCostly:
            return refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too many pixels, or too slow to decode")
        except (Busy, UserError) as error:
            return refused(HTTPStatus.SERVICE_UNAVAILABLE, str(error) or "busy", {"Retry-After": "1"})

    return answer


def _history(live: Live) -> Callable[[Request], Any]:
    rate = Rate(a_second=2, at_once=10)

    async def answer(request: Request) -> Response:
        if live.history is None:
            return refused(HTTPStatus.NOT_FOUND, "this run keeps no history")
        if not rate.allows(client_of(request)):
            return refused(HTTPStatus.TOO_MANY_REQUESTS, "too many questions", {"Retry-After": "1"})
        try:
            return JSONResponse(await _answer(live.history, request))
        except ValueError as error:
            return refused(HTTPStatus.BAD_REQUEST, str(error))
        except Busy:
            return refused(HTTPStatus.SERVICE_UNAVAILABLE, "busy", {"Retry-After": "1"})
        except UserError:
            return refused(HTTPStatus.SERVICE_UNAVAILABLE, "the history cannot be read, or not in time")

    return answer


async def _answer(history: HistoryReader, request: Request) -> dict[str, Any]:
    span = asked_span(request.query_params)
    return await history.answer(span, asked_step(request.query_params, span))


async def _snapshot(live: Live, request: Request) -> Response:
    try:
        content = await live.snapshots.read(request.path_params["folder"], request.path_params["name"])
    except Busy:
        return refused(HTTPStatus.SERVICE_UNAVAILABLE, "busy", {"Retry-After": "1"})
    except OSError:
        return refused(HTTPStatus.NOT_FOUND, "no such snapshot, or not any more")
    return Response(content, media_type="image/jpeg")


def _sign_in(token: str | None, cookie: str) -> Callable[[Request], Any]:
    """Route for the sign-in form; the browser keeps the token in a cookie that no script can read."""
    rate = Rate(a_second=0.2, at_once=5)

    async def answer(request: Request) -> Response:
        if not rate.allows(client_of(request)):
            return refused(HTTPStatus.TOO_MANY_REQUESTS, "too many attempts", {"Retry-After": "5"})
        given = parse_qs((await _body(request)).decode(errors="replace")).get("token", [""])
        if token is None or not any_is([given[0].strip()], token):
            return RedirectResponse(f"{SIGN_IN}#wrong", HTTPStatus.SEE_OTHER)
        response = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        secure = request.url.scheme == "https"
        response.set_cookie(cookie, token, COOKIE_MAX_AGE, httponly=True, samesite="strict", secure=secure)
        return response

    return answer


def _palette(classes: Sequence[str]) -> Callable[[Request], Any]:
    """Return the route for the palette of annotated videos, as CSS."""
    colours = {key_of(name): colour_of(label) for label, name in enumerate(classes)} | {"unsure": colour_of(None)}
    lines = [f"--class-{key}: #{r:02x}{g:02x}{b:02x};" for key, (b, g, r) in colours.items()]
    text = f":root {{ {' '.join(lines)} }}\n"

    async def answer(request: Request) -> Response:
        return Response(text, media_type="text/css")

    return answer
