"""A picture is told from a video by its first bytes; pipes and devices are left alone."""

import os
import threading

import cv2
import numpy as np
import pytest

from edge.sources.image_formats import HEAD, is_picture, picture_kind

FLAT = np.full((64, 64, 3), 90, np.uint8)


def ftyp(*brands: bytes) -> bytes:
    """A file type box with a major brand, a minor version and the compatible brands."""
    content = b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    return (4 + len(content)).to_bytes(4, "big") + content


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        (".jpg", "JPEG"),
        (".png", "PNG"),
        (".webp", "WebP"),
        (".tiff", "TIFF"),
        (".bmp", "BMP"),
        (".ppm", "PNM"),
        (".jp2", "JPEG 2000"),
    ],
)
def test_the_kind_of_what_opencv_writes(suffix, kind):
    assert picture_kind(cv2.imencode(suffix, FLAT)[1].tobytes()[:HEAD]) == kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        pytest.param(b"GIF89a" + bytes(20), "GIF", id="GIF"),
        pytest.param(b"GIF87a" + bytes(20), "GIF", id="old GIF"),
        pytest.param(b"MM\0*" + bytes(20), "TIFF", id="TIFF of the other byte order"),
        pytest.param(b"\xff\x4f\xff\x51" + bytes(20), "JPEG 2000", id="JPEG 2000 without a container"),
        pytest.param(b"\xff\x0a" + bytes(20), "JPEG XL", id="JPEG XL"),
        pytest.param(ftyp(b"heic", b"mif1", b"heic"), "HEIC", id="HEIC of a phone"),
        pytest.param(ftyp(b"mif1", b"mif1", b"heic"), "HEIC", id="HEIC by a compatible brand"),
        pytest.param(ftyp(b"mif1", b"mif1", b"miaf"), "HEIF", id="HEIF of any coding"),
        pytest.param(ftyp(b"avif", b"mif1", b"miaf"), "AVIF", id="AVIF"),
        pytest.param(ftyp(b"isom", b"iso2", b"mp41"), None, id="MP4"),
        pytest.param(ftyp(b"qt  "), None, id="MOV"),
        pytest.param(b"\x1aE\xdf\xa3" + bytes(20), None, id="Matroska"),
        pytest.param(b"RIFF\0\0\0\0AVI LIST", None, id="AVI"),
        pytest.param(bytes.fromhex("0005160700020000") + b"Mac OS X", None, id="AppleDouble"),
        pytest.param(b"BMW is a make of car", None, id="text that begins like a BMP"),
        pytest.param(b"P2P is a way to share", None, id="text that begins like a PGM"),
        pytest.param(b"\xff\xd8", None, id="cut off before it tells"),
        pytest.param(b"", None, id="nothing"),
    ],
)
def test_the_kind_by_the_first_bytes(head, kind):
    assert picture_kind(head) == kind


@pytest.mark.parametrize(
    ("name", "content", "picture"),
    [
        pytest.param("photo.mp4", b"\xff\xd8\xff\xe0" + bytes(60), True, id="a picture with a video's name"),
        pytest.param("photo", b"\xff\xd8\xff\xe0" + bytes(60), True, id="a picture without an ending"),
        pytest.param("clip.jpg", ftyp(b"isom", b"mp41"), False, id="a video with a picture's name"),
        pytest.param("clip.mjpeg", b"\xff\xd8\xff\xe0" + bytes(60), False, id="a stream of JPEGs"),
        pytest.param("photo.JPG", b"text", True, id="a broken picture"),
        pytest.param("notes.txt", b"text", False, id="text"),
    ],
)
def test_a_picture_is_told_from_a_video(tmp_path, name, content, picture):
    (tmp_path / name).write_bytes(content)
    assert is_picture(tmp_path / name) == picture


def test_a_folder_is_no_picture(tmp_path):
    assert not is_picture(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_neither_waited_for_nor_read(tmp_path):
    pipe = tmp_path / "photo.jpg"
    os.mkfifo(pipe)
    told: list[bool] = []
    thread = threading.Thread(target=lambda: told.append(is_picture(pipe)), daemon=True)
    thread.start()
    thread.join(30)
    assert told == [False]


def test_a_file_that_is_not_there(tmp_path):
    assert not is_picture(tmp_path / "gone.jpg")
