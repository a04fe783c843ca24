"""Indexes, proxies and certificates as users of pip and uv have them."""

import os
import sys

import pytest

from edge.base.errors import UserError
from edge.base.index_settings import DEFAULT_INDEX, IndexSettings, read_settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pip's files lie elsewhere on Windows")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder, and an environment in which pip's other files are not there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    monkeypatch.setattr("edge.base.index_settings.Path.read_text", own_files_only(tmp_path))
    return tmp_path


def own_files_only(folder):
    from pathlib import Path

    read_text = Path.read_text

    def read(path, **options):
        if folder not in path.parents:
            raise FileNotFoundError(path)
        return read_text(path, **options)

    return read


def settings(home, **variables):
    return read_settings({"XDG_CONFIG_DIRS": str(home / "xdg"), **variables})


def configure(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_without_settings_it_is_pypi(home):
    assert settings(home) == IndexSettings((DEFAULT_INDEX,), None, None)


@pytest.mark.parametrize(
    ("variables", "urls"),
    [
        ({"PIP_INDEX_URL": "https://a/simple"}, ["https://a/simple"]),
        ({"PIP_EXTRA_INDEX_URL": "https://b https://c"}, [DEFAULT_INDEX, "https://b", "https://c"]),
        ({"UV_INDEX_URL": "https://a"}, ["https://a"]),
        (
            {"UV_DEFAULT_INDEX": "own=https://a", "UV_INDEX": "torch-cpu=https://b https://c"},
            ["https://a", "https://b", "https://c"],
        ),
        ({"PIP_INDEX_URL": "https://a", "UV_DEFAULT_INDEX": "https://b"}, ["https://a"]),
        ({"PIP_INDEX_URL": "https://a/?x=1"}, ["https://a/?x=1"]),
        ({"PIP_INDEX_URL": "file:///packages", "PIP_EXTRA_INDEX_URL": "https://a https://a"}, ["https://a"]),
        ({"PIP_INDEX_URL": ""}, [DEFAULT_INDEX]),
        ({"PIP_NO_INDEX": "1"}, []),
        ({"UV_OFFLINE": "true"}, []),
        ({"UV_NO_INDEX": "0"}, [DEFAULT_INDEX]),
    ],
)
def test_indexes_of_the_environment(home, variables, urls):
    assert settings(home, **variables).urls == tuple(urls)


def test_the_files_of_pip_in_its_order(home):
    configure(home / "xdg" / "pip" / "pip.conf", "[global]\nindex-url = https://all\nproxy = http://proxy:1\n")
    configure(
        home / ".config" / "pip" / "pip.conf",
        "[global]\nindex-url = https://mine\ncert = /my.pem\n[install]\nextra-index-url =\n  https://b\n  https://c\n",
    )
    assert settings(home) == IndexSettings(("https://mine", "https://b", "https://c"), "http://proxy:1", "/my.pem")
    configure(home / "venv" / "pip.conf", "[global]\nindex-url = https://env/%(odd)s\n")
    assert settings(home).urls[0] == "https://env/%(odd)s"
    configure(home / "named.conf", "[global]\nindex-url = https://named\n")
    named = {"PIP_CONFIG_FILE": str(home / "named.conf")}
    assert settings(home, **named).urls[0] == "https://named"
    assert settings(home, **named, PIP_INDEX_URL="https://now").urls[0] == "https://now"
    assert settings(home, PIP_CONFIG_FILE=os.devnull).urls == (DEFAULT_INDEX,), "which means no files at all"


@pytest.mark.parametrize("content", [b"no section", b"\xff\xfe", b"[global\n"])
def test_a_broken_file_is_passed_over(home, content):
    configure(home / ".config" / "pip" / "pip.conf", "")
    (home / ".config" / "pip" / "pip.conf").write_bytes(content)
    assert settings(home).urls == (DEFAULT_INDEX,)


def test_a_user_without_a_home_folder(monkeypatch):
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    assert read_settings({"PIP_INDEX_URL": "https://a"}).urls == ("https://a",)


def test_certificates(home):
    assert settings(home, REQUESTS_CA_BUNDLE="/a").certificates == "/a"
    assert settings(home, REQUESTS_CA_BUNDLE="/a", PIP_CERT="/b").certificates == "/b"


@pytest.mark.parametrize("name", ["PIP_INDEX_URL", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"])
def test_what_is_no_address_is_named_by_its_setting_and_not_shown(home, name):
    with pytest.raises(UserError, match=f"^{name}: not the address of a package index") as caught:
        settings(home, **{name: "http://me:secret@[bad"})
    assert "secret" not in str(caught.value)
