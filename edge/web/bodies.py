"""Handle requests that are answered before their body was read, such as refused ones."""

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER = 1.0
"""Seconds for which the rest of a body is read and discarded.

A connection that is closed earlier is reset, and its client does not see the response.
"""


class CloseUnread:
    """ASGI middleware that closes the connection of a client that still sends when the response is complete."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        unread = _has_body(Headers(scope=scope))

        async def receive_on() -> Message:
            nonlocal unread
            message = await receive()
            unread = unread and message.get("more_body", False)
            return message

        async def discard() -> None:
            with suppress(TimeoutError):
                async with asyncio.timeout(LINGER):
                    while unread:
                        await receive_on()

        async def send_on(message: Message) -> None:
            if unread and message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Connection"] = "close"
            elif unread and message["type"] == "http.response.body" and not message.get("more_body", False):
                await send({**message, "more_body": True})
                await discard()
                message = {"type": "http.response.body"}
            await send(message)

        await self._app(scope, receive_on, send_on)


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"
