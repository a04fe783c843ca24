"""Files appear whole or not at all."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge.base.child_process import child_environment
from edge.base.errors import UserError
from edge.base.files import (
    check_folder,
    clear_leftovers,
    file_sha256,
    resolved,
    sha256,
    whole_file,
    whole_folder,
    write_whole,
    writing,
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("né\n", "né\n".encode(), id="text as UTF-8, line ends as they are"),
        pytest.param(b"\x00\xff\r\n", b"\x00\xff\r\n", id="bytes"),
        pytest.param("", b"", id="empty"),
    ],
)
def test_write_whole_replaces_what_was_there(tmp_path, content, expected):
    path = tmp_path / "out.json"
    path.write_text("something much longer than what comes")
    write_whole(path, content)
    assert path.read_bytes() == expected
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_at_the_path_until_the_end(tmp_path):
    path = tmp_path / "new" / "folder" / "clip.mp4"
    with whole_file(path) as part:
        part.write_bytes(b"half")
        assert not path.exists()
        assert part.parent == path.parent, "a rename is whole only inside one file system"
        assert part.suffix == ".mp4", "writers choose the format by the suffix"
    assert path.read_bytes() == b"half"


def test_a_folder_that_is_closed_to_this_user(tmp_path, monkeypatch):
    def exists(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.exists", exists)
    with pytest.raises(UserError, match=r"out\.json: cannot be written \(Permission denied\)") as caught:
        write_whole(tmp_path / "out.json", "")
    assert "may write to" in caught.value.remedy


def test_a_folder_to_write_to_is_looked_at_before(tmp_path, monkeypatch):
    check_folder(tmp_path)
    check_folder(tmp_path / "new" / "folder")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "folder"):
        with pytest.raises(UserError, match="file: not a folder"):
            check_folder(path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match=r"new: cannot be written \(Permission denied\)"):
        check_folder(tmp_path / "new")


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"), whole_folder(tmp_path / "file" / "folder"):
        pass


@pytest.mark.skipif(os.name != "posix", reason="other systems have other limits")
def test_names_that_no_file_can_have(tmp_path):
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for path, reason in ((tmp_path / ("x" * 300), "cannot be written"), (tmp_path / "circle", "leads to itself")):
        with pytest.raises(UserError, match=reason):
            write_whole(path, "")
    assert [path.name for path in tmp_path.iterdir()] == ["circle"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("x" * 251 + ".mp4", id="as long as a name can be"),
        pytest.param("é" * 125 + "x.mp4", id="of letters of two bytes"),
        pytest.param("x." + "y" * 253, id="with a full stop in a title"),
        pytest.param("x" * 255, id="without a suffix"),
    ],
)
def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path, name):
    path = tmp_path / name
    with whole_file(path) as part:
        part.write_text("outer")
        with whole_file(part) as inner:
            inner.write_text("inner")
            assert inner.name.endswith(".mp4") == name.endswith(".mp4")
    assert path.read_text() == "inner"
    with whole_folder(tmp_path / "folder" / name) as folder:
        (folder / "a").write_text("a")
    assert sorted(tmp_path.iterdir()) == sorted([path, tmp_path / "folder"])
    assert [p.name for p in (tmp_path / "folder").iterdir()] == [name]


def write_half(path):
    with whole_file(path) as part:
        part.write_text("torn")
        raise ZeroDivisionError


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "out.json"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        write_half(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_any_new_file(tmp_path, umask, monkeypatch):
    before = os.umask(umask)
    monkeypatch.setattr(os, "umask", None)  # threads that make files meanwhile would have theirs for all
    try:
        write_whole(tmp_path / "out", "x")
    finally:
        monkeypatch.undo()
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("folder", "Is a directory", id="a folder"),
        pytest.param("file/out.json", "exists", id="below a file"),
    ],
)
def test_a_path_that_cannot_be_written_is_the_users_to_put_right(tmp_path, name, reason):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=f"{name}: cannot be written .*{reason}"), whole_file(tmp_path / name):
        pytest.fail("there is nothing to write to")
    assert {path.name for path in tmp_path.rglob("*")} == {"folder", "file"}


def test_a_link_that_leads_to_itself_is_no_path(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "link").symlink_to("out")
    assert resolved(tmp_path / "link" / "new.json") == tmp_path.resolve() / "out" / "new.json"
    for refused in (resolved, check_folder, lambda path: write_whole(path, "x")):
        with pytest.raises(UserError, match="loop: a link that leads to itself"):
            refused(tmp_path / "loop")


def test_a_disk_that_fails_is_named_by_its_output():
    with pytest.raises(UserError, match=r"^s\.json: cannot be written \(No space left"), writing(Path("s.json")):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(BrokenPipeError), writing("x"):
        raise BrokenPipeError


def test_a_folder_replaces_what_was_there(tmp_path):
    path = tmp_path / "new" / "bundle"
    for content in ("first", "second"):
        with whole_folder(path) as new:
            (new / content).write_text(content)
    assert [p.name for p in path.iterdir()] == ["second"]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("existed", [True, False])
def test_a_folder_that_fails_leaves_no_trace(tmp_path, existed):
    path = tmp_path / "deep" / "bundle"
    if existed:
        path.mkdir(parents=True)
        (path / "old").write_text("precious")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(IsADirectoryError), whole_folder(path) as new:
        new.write_text("a folder is no file")
    assert sorted(tmp_path.rglob("*")) == before


def test_the_old_folder_comes_back_when_the_new_one_cannot_take_its_place(tmp_path):
    path = tmp_path / "bundle"
    path.mkdir()
    (path / "old").write_text("precious")
    with pytest.raises(FileNotFoundError), whole_folder(path) as new:
        new.rmdir()
    assert (path / "old").read_text() == "precious"
    assert list(tmp_path.iterdir()) == [path]


WRITER = """
import sys, time
from pathlib import Path
from edge.base.files import whole_file
with whole_file(Path(sys.argv[1])) as part:
    part.write_text("half")
    print("writing", flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="not here")
@pytest.mark.parametrize("stem", ["a [1]", "x" * 251])
def test_what_a_killed_process_left_is_cleared_and_what_is_being_written_is_not(tmp_path, stem):
    path, other = tmp_path / f"{stem}.csv", tmp_path / f".{stem[:230]}-mine.csv"
    other.write_text("somebody's")
    process = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "writing\n"
        (part,) = {*tmp_path.iterdir()} - {other}
        clear_leftovers(path)
        assert part.read_text() == "half"
    finally:
        process.kill()
        process.communicate()
    assert part.exists()
    clear_leftovers(path)
    assert [*tmp_path.iterdir()] == [other]


KILLED = """
import os, sys
from pathlib import Path
from edge.base import files
kind, path, stage = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
real = Path.rename
if stage == "swapped":
    Path.rename = lambda old, new: (real(old, new), os._exit(9))
with getattr(files, kind)(path) as part:
    (part / "half" if part.is_dir() else part).write_text("half")
    if stage == "written":
        os._exit(9)
"""


@pytest.mark.skipif(os.name != "posix", reason="files that a killed process left stay there")
class TestKilled:
    def kill(self, *words):
        done = subprocess.run([sys.executable, "-c", KILLED, *map(str, words)], env=child_environment())
        assert done.returncode == 9

    def test_the_next_file_clears_what_was_left(self, tmp_path):
        self.kill("whole_file", tmp_path / "out.mp4", "written")
        assert len(list(tmp_path.iterdir())) == 1
        with whole_file(tmp_path / "out.mp4") as part:
            assert list(tmp_path.iterdir()) == [part]

    def test_the_next_folder_clears_what_was_left(self, tmp_path):
        self.kill("whole_folder", tmp_path / "out", "written")
        assert len(list(tmp_path.iterdir())) == 1
        with whole_folder(tmp_path / "out") as new:
            assert list(tmp_path.iterdir()) == [new.parent]

    def test_what_was_there_before_is_back_first(self, tmp_path):
        """Killed after the old folder was moved away, and before the new one was in its place."""
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "old").write_text("of value")
        self.kill("whole_folder", tmp_path / "out", "swapped")
        assert not (tmp_path / "out").exists()
        with pytest.raises(ZeroDivisionError), whole_folder(tmp_path / "out"):
            raise ZeroDivisionError
        assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["out", "out/old"]

    def test_a_folder_that_is_being_written_or_is_somebodys_own_stays(self, tmp_path):
        own = tmp_path / ".out-20260101" / "new"
        own.mkdir(parents=True)
        (own.parent / "letters").mkdir()
        with whole_folder(tmp_path / "out") as one:
            (one / "mine").touch()
            with whole_folder(tmp_path / "out") as other:
                (other / "yours").touch()
        assert own.is_dir()
        assert (tmp_path / "out" / "mine").exists()


def test_the_hash_of_a_content_is_that_of_its_file(tmp_path):
    path = tmp_path / "content"
    path.write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256(path.read_bytes()) == file_sha256(path) == known
