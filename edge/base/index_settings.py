"""Settings of package indexes, as the user has configured them for pip or uv."""

import configparser
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from edge.base.errors import UserError

DEFAULT_INDEX = "https://pypi.org/simple/"
"""PyPI's, in the format of PEP 503 and PEP 691."""

SECTIONS = ("global", "install", "download")
"""Sections of pip's configuration files; a later one overrides an earlier one."""

CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Environment variables with certificates of authorities; `SSL_CERT_FILE` and `SSL_CERT_DIR` are read by OpenSSL."""


@dataclass(frozen=True)
class IndexSettings:
    """Source of packages.

    Attributes:
        urls: indexes to ask, in this order; none where the user allows none.
        proxy: for http and https; None leaves it to the environment (`https_proxy`, `no_proxy`, …).
        certificates: file or folder of certificates that are trusted in addition to the system's.
    """

    urls: tuple[str, ...] = (DEFAULT_INDEX,)
    proxy: str | None = None
    certificates: str | None = None


def read_settings(environ: Mapping[str, str] = os.environ) -> IndexSettings:
    """Read the environment variables of pip and uv, and pip's configuration files.

    Only indexes that are reached by http or https count.

    Raises:
        UserError: what is set is no address.
    """
    pip = _pip_files(environ) | _pip_variables(environ)
    if any(_true(value) for value in (pip.get("no-index"), environ.get("UV_NO_INDEX"), environ.get("UV_OFFLINE"))):
        return IndexSettings(urls=())
    firsts = {name: environ.get(name) for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")}
    firsts |= {"pip's index-url": pip.get("index-url"), "": DEFAULT_INDEX}
    first = next(name for name in firsts if firsts[name])
    more = {"pip's extra-index-url": pip.get("extra-index-url")}
    more |= {name: environ.get(name) for name in ("UV_INDEX", "UV_EXTRA_INDEX_URL")}
    urls = [
        _address(name, url) for name, value in ({first: firsts[first]} | more).items() for url in (value or "").split()
    ]
    certificates = next((environ[name] for name in CA_VARIABLES if environ.get(name)), None)
    return IndexSettings(
        tuple(dict.fromkeys(url for url in urls if url.startswith(("http://", "https://")))),
        pip.get("proxy") or None,
        pip.get("cert") or certificates,
    )


def _address(setting: str, url: str) -> str:
    """Check an address, which is not shown: there may be a password in it; strip the name of uv's `name=https://…`."""
    name, equals, rest = url.partition("=")
    url = rest if equals and name.replace("-", "").replace("_", "").isalnum() else url
    try:
        urlsplit(url)
    except ValueError as error:
        raise UserError(f"{setting}: not the address of a package index", "correct it, or leave it out") from error
    return url


def _pip_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Options that pip takes from the environment: `PIP_INDEX_URL` is `index-url`."""
    return {
        name.removeprefix("PIP_").lower().replace("_", "-"): value
        for name, value in environ.items()
        if name.startswith("PIP_") and value
    }


def _pip_files(environ: Mapping[str, str]) -> dict[str, str]:
    """Options of pip's configuration files; one that cannot be read or parsed is passed over."""
    options: dict[str, str] = {}
    for path in _pip_paths(environ):
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue
        for section in SECTIONS:
            if parser.has_section(section):
                options |= dict(parser[section])
    return options


def _pip_paths(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield where pip looks for its configuration, the strongest last."""
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:  # the user's way of saying: none at all
        return
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() fails where there is none
    if sys.platform == "win32":
        folders = [environ.get("PROGRAMDATA"), environ.get("APPDATA")]
        yield from (Path(folder) / "pip" / "pip.ini" for folder in folders if folder)
        yield Path(sys.prefix) / "pip.ini"
    else:
        yield from (Path(f) / "pip" / "pip.conf" for f in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if f)
        yield Path("/etc/pip.conf")
        yield home / ".pip" / "pip.conf"
        if sys.platform == "darwin":
            yield home / "Library" / "Application Support" / "pip" / "pip.conf"
        yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
        yield Path(sys.prefix) / "pip.conf"
    if named:
        yield Path(named)


def _true(value: str | None) -> bool:
    return (value or "").strip().lower() in ("1", "true", "yes", "on", "y", "t")
