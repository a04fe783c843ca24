"""HTTP downloads with limits on size and time, through the user's proxy and with the user's certificates."""

import base64
import http.client
import io
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit, urlunsplit

from edge.base.index_settings import IndexSettings
from edge.base.progress import Progress

CONNECTION_TIMEOUT = 20.0
"""Seconds to wait for a connection, and for each part of a body."""

TIME_LIMIT = 300.0
"""Limit on all downloads of one `Downloader` together, seconds."""

PART = 1 << 16
"""Bytes a read."""

TAIL_BYTES = 1 << 16
"""Bytes at the end of a file that are requested first: an archive has its directory there."""

NO_RANGE = (400, 405, 416, 501)
"""Statuses of servers that refuse ranges counted from the end of a file."""


class DownloadError(Exception):
    """A failed download; the text names the host and the reason."""


class NoPartsError(DownloadError):
    """The server does not support range requests."""


class Downloader:
    """Downloads files from package indexes."""

    def __init__(self, settings: IndexSettings) -> None:
        """Prepare connections as `settings` say.

        Raises:
            DownloadError: the certificates cannot be read.
        """
        handlers: list[urllib.request.BaseHandler] = [urllib.request.HTTPSHandler(context=_context(settings))]
        if settings.proxy:
            handlers.append(urllib.request.ProxyHandler(dict.fromkeys(("http", "https"), settings.proxy)))
        self._opener = urllib.request.build_opener(*handlers)
        self._credentials = dict(filter(None, map(_credentials, settings.urls)))
        self._deadline = time.monotonic() + TIME_LIMIT

    def open(self, url: str, headers: Mapping[str, str] | None = None) -> http.client.HTTPResponse:
        """Open an address; its user and password are those of the index on the same host.

        Raises:
            DownloadError: another scheme than http, no connection, or an error status.
        """
        host, plain = shown_host(url), _without_user(url)
        if not plain.startswith(("http://", "https://")):
            raise DownloadError(f"{host or url} is not an HTTP address")
        request = urllib.request.Request(plain, headers=dict(headers or {}))  # noqa: S310 - checked above
        if credentials := self._credentials.get(host):
            request.add_unredirected_header("Authorization", credentials)
        try:
            return self._opener.open(request, timeout=CONNECTION_TIMEOUT)
        except (OSError, http.client.HTTPException, ValueError) as error:
            no_parts = (
                isinstance(error, urllib.error.HTTPError) and error.code in NO_RANGE and "Range" in request.headers
            )
            raise (NoPartsError if no_parts else DownloadError)(f"{host}: {_reason(error)}") from error

    def read(self, response: http.client.HTTPResponse, limit: int, into: io.BufferedIOBase, task: str) -> None:
        """Write the body of a response to `into`; a long download shows its progress.

        Raises:
            DownloadError: the body has more than `limit` bytes, takes too long, or ends early.
        """
        host, done, total = shown_host(response.url), 0, response.length
        try:
            with response, Progress(task, total, "B") as progress:
                while part := response.read1(PART):
                    done += len(part)
                    if done > limit:
                        raise DownloadError(f"{host}: sends more than {limit} bytes")
                    if time.monotonic() > self._deadline:
                        raise DownloadError(f"{host}: not finished after {TIME_LIMIT:.0f} s")
                    into.write(part)
                    progress.update(done)
        except (OSError, http.client.HTTPException) as error:
            raise DownloadError(f"{host}: {_reason(error)}") from error
        if total is not None and done < total:
            raise DownloadError(f"{host}: breaks off after {done} of {total} bytes")

    def content(self, response: http.client.HTTPResponse, limit: int, task: str) -> bytes:
        """Return the body of a response; errors as for `read`."""
        self.read(response, limit, content := io.BytesIO(), task)
        return content.getvalue()


class RemoteFile(io.RawIOBase):
    """A file on a server that supports range requests; only the parts that are read are downloaded.

    Attributes:
        size: size of the whole file, bytes.
    """

    def __init__(self, downloader: Downloader, url: str, task: str) -> None:
        """Ask for the end of the file.

        Raises:
            NoPartsError: the server does not support range requests.
            DownloadError: the server cannot be reached.
        """
        self._downloader, self._url, self._task = downloader, url, task
        response = downloader.open(url, {"Range": f"bytes=-{TAIL_BYTES}"})
        _, _, size = response.headers.get("Content-Range", "").rpartition("/")
        if response.status != http.HTTPStatus.PARTIAL_CONTENT or not size.isdecimal():
            response.close()
            raise NoPartsError(f"{shown_host(url)}: does not serve parts of files")
        self.size, self._position = int(size), 0
        self._tail = downloader.content(response, TAIL_BYTES, task)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        end = min(self._position + len(buffer), self.size)
        if end <= self._position:
            return 0
        in_tail = self._position - (self.size - len(self._tail))
        if in_tail >= 0:
            content = self._tail[in_tail : in_tail + end - self._position]
        else:
            content = self._part(self._position, end)
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)

    def _part(self, start: int, end: int) -> bytes:
        response = self._downloader.open(self._url, {"Range": f"bytes={start}-{end - 1}"})
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            response.close()
            raise DownloadError(f"{shown_host(self._url)}: no longer serves parts of files")
        return self._downloader.content(response, end - start, self._task)


def _context(settings: IndexSettings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if path := settings.certificates:
        try:
            context.load_verify_locations(path)
        except IsADirectoryError:
            context.load_verify_locations(capath=path)
        except OSError as error:
            raise DownloadError(f"the certificates in {path} cannot be read ({error.strerror or error})") from error
    return context


def shown_host(url: str) -> str:
    """Return host and port of an address, without its credentials."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _without_user(url: str) -> str:
    return urlunsplit(urlsplit(url)._replace(netloc=shown_host(url)))


def _credentials(url: str) -> tuple[str, str] | None:
    """Return host and Authorization header of an address with a user; None without one."""
    user, at, host = urlsplit(url).netloc.rpartition("@")
    return (host, "Basic " + base64.b64encode(unquote(user).encode()).decode()) if at else None


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"status {error.code}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    text = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return " ".join(str(text).split())
