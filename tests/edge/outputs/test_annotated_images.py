"""Annotated copies keep their images' names, and never replace what is read."""

import sys

import cv2
import numpy as np
import pytest

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.base.files import NAME_BYTES
from edge.faces.results import FaceResult, FrameResult
from edge.outputs.annotated_images import AnnotatedImages
from edge.sources.frame import Frame
from edge.sources.pixels import BgrPixels


def result(source, width=320, height=240):
    face = FaceResult(1, (20.0, 40.0, 60.0, 60.0), 0.9, EMOTIONS, np.eye(7, dtype=np.float32)[3], 3)
    return FrameResult(Frame(0.0, BgrPixels(np.full((height, width, 3), 90, np.uint8)), source, 0.0), (face,), 0.1)


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def copies(folder, *sources, names=()):
    writer = AnnotatedImages(folder, sources)
    with writer:
        for name in names:
            writer.write(result(name))
    return files(folder)


@pytest.mark.parametrize(
    ("source", "copy"),
    [
        ("photos/a.jpg", "a.jpg"),
        ("photos/a.JFIF", "a.JFIF"),
        ("photos/a.PNG", "a.png"),
        ("photos/trip/day 1/a.jpg", "trip/day 1/a.jpg"),
        ("photos/a.heic", "a.jpg"),
        ("photos/a.tiff", "a.png"),
        ("photos/a", "a.jpg"),
        ("photos/a.2024", "a.2024.jpg"),
        ("a.jpg", "a.jpg"),
    ],
)
def test_names_and_kinds(tmp_path, source, copy):
    assert copies(tmp_path / "out", names=[source]) == {copy}
    content = (tmp_path / "out" / copy).read_bytes()
    assert content.startswith(b"\x89PNG" if copy.endswith(".png") else b"\xff\xd8")
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (240, 320, 3)
    assert image.std() > 0, "something is drawn on the grey"


def test_images_of_one_name(tmp_path):
    names = ["x/a.jpg", "y/a.jpg", "y/a.heic", "y/A.JPG"]
    assert len({name.casefold() for name in copies(tmp_path / "out", names=names)}) == 4


def test_a_copy_of_an_earlier_run_is_replaced(tmp_path):
    copies(tmp_path / "out", names=["photos/a.jpg"])
    (tmp_path / "out" / "a.jpg").write_bytes(b"old")
    assert copies(tmp_path / "out", names=["photos/a.jpg"]) == {"a.jpg"}
    assert (tmp_path / "out" / "a.jpg").stat().st_size > 3


@pytest.mark.parametrize("character", ["a", "ü", "写"])
def test_long_names_are_cut(tmp_path, character):
    name = character * (250 // len(character.encode()))
    first, second = copies(tmp_path / "out", names=[f"photos/{name}.jpg", f"photos/{name}x.jpg"])
    for copy in (first, second):
        assert len(copy.encode()) < NAME_BYTES + 8
        assert copy.startswith(character * 10)


@pytest.mark.parametrize("folder", ["photos", "photos/../photos", "photos/trip"])
def test_copies_never_go_where_images_are_read(tmp_path, folder):
    (tmp_path / "photos" / "trip").mkdir(parents=True)
    with pytest.raises(UserError, match="is a folder that images are read from"):
        AnnotatedImages(tmp_path / folder, [tmp_path / "photos"], recursive=True)


def test_copies_may_go_below_a_folder_of_which_the_inner_ones_are_not_read(tmp_path):
    (tmp_path / "photos").mkdir()
    assert copies(tmp_path / "photos" / "out", tmp_path / "photos", names=["photos/a.jpg"]) == {"a.jpg"}


def test_copies_never_go_beside_an_image_that_is_named(tmp_path):
    with pytest.raises(UserError, match="is a folder that images are read from"):
        AnnotatedImages(tmp_path, [tmp_path / "a.jpg"])


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_is_not_written_through(tmp_path):
    (tmp_path / "original.jpg").write_bytes(b"original")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.jpg").symlink_to(tmp_path / "original.jpg")
    assert copies(tmp_path / "out", names=["photos/a.jpg"]) == {"a.jpg", "a-2.jpg"}
    assert (tmp_path / "original.jpg").read_bytes() == b"original"


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UserError, match="cannot be written"):
        copies(tmp_path / "out", names=["photos/a.jpg"])
