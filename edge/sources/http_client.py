"""HTTP requests to cameras, with limits on time and size; credentials go to the camera's host only."""

import errno
import hashlib
import http.client
import io
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from typing import Any, cast
from urllib.parse import urlsplit

from edge.base.errors import UserError

CERT_FILE_VARIABLE = "SSL_CERT_FILE"
"""Environment variable of OpenSSL for a file of trusted certificates."""


MAX_ANSWER_BYTES = 32_000_000
"""Most bytes that a camera may send for one picture, or before and in a header."""


class Allowance:
    """Limit on the time and bytes of a response."""

    def __init__(self) -> None:
        self._end, self._bytes = time.monotonic(), 0

    def renew(self, seconds: float) -> None:
        """Allow `seconds` from now and `MAX_ANSWER_BYTES`."""
        self._end, self._bytes = time.monotonic() + seconds, MAX_ANSWER_BYTES

    def seconds(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: there are none.
        """
        if (left := self._end - time.monotonic()) <= 0:
            raise TimeoutError("no answer in time")
        return left

    def spend(self, count: int) -> None:
        """Count received bytes.

        Raises:
            OSError: there are more than allowed.
        """
        self._bytes -= count
        if self._bytes < 0:
            raise _too_much()


def _too_much() -> OSError:
    return OSError(errno.EMSGSIZE, f"more than {MAX_ANSWER_BYTES // 1_000_000} MB without a picture")


class CameraClient:
    """Sends GET requests to one address.

    Attributes:
        allowance: limits of the request in progress; the reader of the response renews it.
    """

    def __init__(self, address: str, credentials: tuple[str, str] | None, timeout: float) -> None:
        """Prepare connections; nothing is sent.

        Args:
            address: `http://…` or `https://…`.
            credentials: user and password, for Basic or Digest authentication at this host only.
            timeout: seconds from the request to the end of the response's header.
        """
        self._address, self._timeout, self.allowance = address, timeout, Allowance()
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.UnknownHandler(),  # redirections can lead to http and https only
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPRedirectHandler(),
            urllib.request.HTTPErrorProcessor(),
            HttpHandler(self.allowance),
            HttpsHandler(self.allowance),
            *_authentication(address, credentials),
        ):
            self._opener.add_handler(handler)

    def get(self) -> Any:
        """Send a request; return an open `http.client.HTTPResponse`, whose `url` is that after redirections.

        Raises:
            Unanswered: there is no response, or it is an error.
        """
        self.allowance.renew(self._timeout)
        try:
            return self._opener.open(self._address, timeout=self._timeout)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unanswered(error) from None  # the error's own text may contain an address with a key


class Unanswered(Exception):  # noqa: N818 - the caller, which knows the camera, makes the error
    """There is no usable response.

    Attributes:
        untrusted: whether the reason is the server's certificate.
    """

    def __init__(self, error: Exception) -> None:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
            text = f"HTTP {error.code} {http.client.responses.get(error.code, '')}".strip()
        else:
            reason = getattr(error, "reason", error)
            if isinstance(reason, str):  # which may contain the address
                reason = error
            self_told = isinstance(reason, OSError) and reason.strerror
            text = "no answer in time" if isinstance(reason, TimeoutError) else self_told or type(reason).__name__
        super().__init__(text)
        self.untrusted = isinstance(getattr(error, "reason", error), ssl.SSLCertVerificationError)


def no_answer(name: str, error: Unanswered, remedy: str) -> UserError:
    """Return the error for a camera without a usable response."""
    if error.untrusted:
        remedy = f"put its certificate, or that of its authority, into a file and set {CERT_FILE_VARIABLE} to the path"
        return UserError(f"{name}: its certificate is not trusted", remedy)
    return UserError(f"{name}: no video from this address ({error})", remedy)


def _authentication(address: str, credentials: tuple[str, str] | None) -> list[Any]:
    if not credentials:
        return []
    host = urlsplit(address)
    places = [f"{host.scheme}://{host.netloc}/"]
    if host.scheme == "http":
        places.append(f"https://{host.hostname}/")  # cameras redirect unencrypted requests to it
    known = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    known.add_password(None, places, *credentials)
    return [_DigestHandler(known), urllib.request.HTTPBasicAuthHandler(known)]


class _DigestHandler(urllib.request.HTTPDigestAuthHandler):
    """Digest authentication with SHA-256, which newer cameras use and Python's library lacks before 3.14."""

    def get_algorithm_impls(self, algorithm: str) -> Any:
        if algorithm != "SHA-256":
            return super().get_algorithm_impls(algorithm)

        def digest(text: str) -> str:
            return hashlib.sha256(text.encode()).hexdigest()

        return digest, lambda secret, data: digest(f"{secret}:{data}")


class _AllowedReader(io.RawIOBase):
    """Reader of a connection within an allowance; a socket's own time-out would start again with every byte."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, allowance: Allowance) -> None:
        self._raw, self._socket, self._allowance = raw, sock, allowance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        try:
            self._socket.settimeout(self._allowance.seconds())
            count = self._raw.readinto(buffer)
            self._allowance.spend(count or 0)
        except OSError:
            self.abandon()
            raise
        return count

    def abandon(self) -> None:
        """Close the connection; some readers, such as urllib's redirections, leave it open after an error."""
        if (handle := self._socket.detach()) >= 0:
            socket.close(handle)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedReader(io.BufferedReader):
    """Refuses large reads, because the buffer for a read is allocated before any byte arrives."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_ANSWER_BYTES:
            cast(_AllowedReader, self.raw).abandon()
            raise _too_much()
        return super().read(size)


def _connecting(kind: Callable[..., Any], allowance: Allowance) -> Callable[..., Any]:
    """Return a factory of connections whose responses are read within an allowance."""

    def respond(sock: Any, *arguments: Any, **keywords: Any) -> http.client.HTTPResponse:
        response: Any = http.client.HTTPResponse(sock, *arguments, **keywords)
        response.fp = _BoundedReader(_AllowedReader(response.fp.detach(), sock, allowance))
        return response

    def connect(*arguments: Any, **keywords: Any) -> Any:
        connection = kind(*arguments, **keywords)
        connection.response_class = respond
        return connection

    return connect


class HttpHandler(urllib.request.HTTPHandler):
    def __init__(self, allowance: Allowance) -> None:
        super().__init__()
        self._connect = _connecting(http.client.HTTPConnection, allowance)

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._connect, req)


class HttpsHandler(urllib.request.HTTPSHandler):
    def __init__(self, allowance: Allowance) -> None:
        super().__init__()
        self._connect = _connecting(http.client.HTTPSConnection, allowance)

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(self._connect, req)


def content_type(headers: Message) -> str:
    """Return a response's content type in lower case; empty where it has none."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()
