"""Folders of pictures: what is in them, what is left out, and what of them cannot be read."""

import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge import MAX_PICTURE_PIXELS
from edge.base.errors import UserError
from edge.base.settings import Capture
from edge.sources import open_source
from edge.sources import pictures as pictures_module
from edge.sources.folder import list_pictures
from edge.sources.pictures import holds_images, open_images, read_image

JPEG = cv2.imencode(".jpg", np.full((32, 32, 3), 90, np.uint8))[1].tobytes()


@pytest.fixture
def open_folder():
    """A folder that other users may read, and this process as one of them."""
    if not hasattr(os, "seteuid"):
        pytest.skip("no users here")
    before = os.geteuid()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        os.seteuid(before)
        for path in folder.rglob("*"):
            path.chmod(0o700)


def become_another():
    """Root may read everything."""
    if os.geteuid() == 0:
        os.seteuid(65534)


def write(folder, *names, content=JPEG):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def names_in(source):
    return [frame.source for frame in iter(source.read, None)]


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


def test_pictures_by_any_name_and_nothing_else(photos, caplog):
    write(photos, "a.jpg", "b.jfif", "c.jpe", "d", "e.JPG", "f.mp4")
    write(photos, "notes.txt", "list.csv", "README", content=b"text")
    assert names_in(open_source(str(photos))) == [
        f"photos/{name}" for name in (["a.jpg", "b.jfif", "c.jpe", "d", "e.JPG", "f.mp4"])
    ]
    assert caplog.messages == [f"{photos}: left out 3 files without an image (1 .csv, 1 .txt, 1 without an ending)"]


def test_hidden_files_and_those_of_systems_are_not_even_counted(photos, caplog):
    write(photos, "IMG_1.jpg")
    write(photos, "._IMG_1.jpg", content=bytes.fromhex("0005160700020000") + b"Mac OS X" + bytes(60))
    write(photos, ".DS_Store", "Thumbs.db", "desktop.ini", content=b"text")
    write(photos, ".hidden/a.jpg", "@eaDir/SYNOPHOTO_THUMB_M.jpg", "__MACOSX/a.jpg", ".trash.jpg")
    assert names_in(open_source(str(photos), Capture(recursive=True))) == ["photos/IMG_1.jpg"]
    assert not caplog.messages


def test_folders_in_a_folder(photos, caplog):
    write(photos, "b.jpg", "a/z.jpg", "a/b/c.jpg", "c/a.jpg")
    assert names_in(open_source(str(photos))) == ["photos/b.jpg"]
    assert caplog.messages == [f"{photos}: left out 2 folders (--recursive reads them)"]
    read = names_in(open_source(str(photos), Capture(recursive=True)))
    assert read == ["photos/a/b/c.jpg", "photos/a/z.jpg", "photos/b.jpg", "photos/c/a.jpg"]


def test_a_folder_that_holds_folders_alone_says_so(photos):
    write(photos, "a/b.jpg")
    with pytest.raises(UserError, match=r"no images in this folder, but 1 folder \(--recursive"):
        open_source(str(photos))


def test_the_folder_that_one_is_in_has_a_name(photos, monkeypatch):
    write(photos, "a.jpg")
    monkeypatch.chdir(photos)
    assert names_in(open_source(".")) == ["photos/a.jpg"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_in_circles_end(photos):
    write(photos, "a.jpg", "inner/b.jpg")
    (photos / "inner" / "up").symlink_to(photos)
    (photos / "inner" / "itself").symlink_to("itself")
    (photos / "gone.jpg").symlink_to("nowhere.jpg")
    (photos / "other").symlink_to(photos / "inner")
    listing = list_pictures(photos, recursive=True)
    assert [path.name for path in listing.pictures] == ["a.jpg", "b.jpg"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_in_a_folder_is_left_alone(photos):
    write(photos, "a.jpg")
    os.mkfifo(photos / "b.jpg")
    assert names_in(open_source(str(photos))) == ["photos/a.jpg"]


def test_a_loop_says_what_is_wrong_in_its_first_round_and_what_is_new_later(photos, caplog):
    write(photos, "a.jpg", "b.jpg")
    write(photos, "c.jpg", content=JPEG[:200])
    write(photos, "notes.txt", content=b"text")
    source = open_source(str(photos), Capture(loop=True))
    for _ in range(7):
        source.read()
    left_out, broken = caplog.messages
    assert "left out 1 file" in left_out
    assert "1 could not be read" in broken
    write(photos, "d.jpg", content=JPEG[:200])
    for _ in range(4):
        source.read()
    (new,) = caplog.messages[2:]
    assert "d.jpg" in new
    assert "c.jpg" not in new
    source.close()


def test_broken_ones_are_passed_over_and_listed_at_the_end(photos, caplog):
    write(photos, "b.jpg", "d.jpg")
    write(photos, "a.jpg", content=JPEG[:200])
    write(photos, "c.png", "e.png", content=b"text")
    source = open_source(str(photos))
    frames = list(iter(source.read, None))
    assert [frame.source for frame in frames] == ["photos/b.jpg", "photos/d.jpg"]
    (report,) = caplog.messages
    first, *lines = report.splitlines()
    assert first == "photos: 3 could not be read:"
    assert [line.split("photos/")[1].split(":")[0] for line in lines] == ["a.jpg", "c.png", "e.png"]
    assert "JPEG image that cannot be read (damaged)" in lines[0]
    assert "not an image" in lines[1]
    assert source.read() is None, "the end stays the end"
    assert len(caplog.messages) == 1


def test_a_folder_of_broken_ones_alone(photos, caplog):
    write(photos, "a.jpg", "b.jpg", content=JPEG[:200])
    with pytest.raises(UserError, match="photos: none of its 2 images can be read"):
        open_source(str(photos))
    assert "2 could not be read" in caplog.text


@pytest.mark.parametrize("broken", ["a.jpg", "c.jpg"])
def test_strict_ends_at_the_first_broken_one(photos, broken):
    write(photos, "b.jpg")
    write(photos, broken, content=JPEG[:200])
    with pytest.raises(UserError, match=rf"{broken}: JPEG image that cannot be read"):
        names_in(open_source(str(photos), Capture(strict=True)))


def test_a_picture_of_too_many_pixels_in_a_folder(photos, caplog):
    write(photos, "b.jpg")
    write(photos, "a.pgm", content=b"P5 40000 30000 255\n" + bytes(1000))
    assert names_in(open_source(str(photos))) == ["photos/b.jpg"]
    limit = MAX_PICTURE_PIXELS // 1_000_000
    assert f"a.pgm: the image has more than {limit} million pixels: give a smaller one" in caplog.text


def test_a_file_of_too_many_bytes(photos, monkeypatch):
    monkeypatch.setattr(pictures_module, "MAX_PICTURE_BYTES", 4000)
    monkeypatch.setattr(pictures_module, "READ_BYTES", 1000)
    write(photos, "a.jpg", content=JPEG + bytes(5000))
    with pytest.raises(UserError, match=r"a\.jpg: more than"):
        read_image(photos / "a.jpg")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no endless file here")
def test_an_endless_file_is_no_picture():
    with pytest.raises(UserError, match="not an image"):
        open_images(Path("/dev/zero"))


def test_what_may_not_be_read(open_folder, caplog):
    write(open_folder, "a.jpg", "b.jpg", "closed/c.jpg")
    (open_folder / "a.jpg").chmod(0)
    (open_folder / "closed").chmod(0)
    become_another()
    names = names_in(open_source(str(open_folder), Capture(recursive=True)))
    assert names == [f"{open_folder.name}/b.jpg"]
    assert caplog.text.count("cannot be read (Permission denied): check its permissions") == 2


def test_strict_ends_at_a_folder_that_may_not_be_read(open_folder):
    write(open_folder, "a.jpg", "closed/b.jpg")
    (open_folder / "closed").chmod(0)
    become_another()
    with pytest.raises(UserError, match=r"closed: cannot be read \(Permission denied\)"):
        open_source(str(open_folder), Capture(recursive=True, strict=True))


def test_the_first_frame_arrives_when_it_is_read_and_not_when_it_is_opened(photos, monkeypatch):
    write(photos, "a.jpg")
    now = iter([1.0, 2.0, 3.0])
    monkeypatch.setattr(pictures_module.time, "monotonic", lambda: next(now))
    source = open_source(str(photos))
    assert next(now) == 2.0
    assert source.read().arrived == 3.0


@pytest.mark.parametrize("path", ["closed", "closed/a.jpg"])
@pytest.mark.parametrize("open_", [open_source, lambda spec: open_images(Path(spec))], ids=["run", "predict"])
def test_a_closed_folder_is_an_error_that_names_the_permission(open_folder, path, open_):
    write(open_folder / "closed", "a.jpg")
    (open_folder / "closed").chmod(0)
    become_another()
    with pytest.raises(UserError, match=rf"{path}: cannot be read \(Permission denied\): check its permissions"):
        open_(str(open_folder / path))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems take no such names")
def test_names_that_no_terminal_must_get(photos, caplog):
    for name in (b"\xff.jpg", b"a\x1b[31m\n.jpg", b"\xfe broken.jpg"):
        (photos / os.fsdecode(name)).write_bytes(JPEG if b"broken" not in name else b"text")
    names = names_in(open_source(str(photos)))
    assert sorted(names) == [r"photos/\xff.jpg", "photos/a\\x1b[31m\\n.jpg"]
    assert all(json.dumps(name, ensure_ascii=False).encode() for name in names)
    assert r"\xfe broken.jpg: not an image" in caplog.text
    assert caplog.text.isascii()


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is measured as Linux counts it")
def test_a_folder_of_many_takes_the_memory_of_one(photos):
    """Pictures of 6 megapixels, 18 MB each: twenty of them take little more than two."""
    content = cv2.imencode(".jpg", np.full((2000, 3000, 3), 90, np.uint8))[1].tobytes()
    write(photos, *(f"{i:02}.jpg" for i in range(20)), content=content)
    program = """
        import resource, sys
        from edge.sources import open_source
        source = open_source(sys.argv[1])
        source.read(), source.read()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        count = len([frame.source for frame in iter(source.read, None)])
        print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(photos)]
    count, megabytes = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert int(count) == 18
    assert int(megabytes) < 60


@pytest.mark.parametrize(("name", "held"), [("", True), ("a.jpg", True), ("a.txt", False), ("gone", False)])
def test_what_holds_images(photos, name, held):
    write(photos, "a.jpg")
    write(photos, "a.txt", content=b"text")
    assert holds_images(photos / name) == held
