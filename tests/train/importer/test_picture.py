"""Pictures of a data set: told by their content, and trained on as the board would see them."""

import cv2
import numpy as np
import pytest

from tests.train.importer.sources import as_zip, face, found, tree
from train.importer import picture
from train.importer.build import import_data
from train.importer.picture import read_picture

FACES = tree("train", "val", "test")
COLOUR = np.random.default_rng(0).integers(0, 256, (16, 12, 3), np.uint8)


def encoded(suffix: str, pixels: np.ndarray = COLOUR) -> bytes:
    return cv2.imencode(suffix, pixels)[1].tobytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tiff", ".ppm"])
@pytest.mark.parametrize("name", ["a.jfif", "a.JPEG", "a", "a.dat"])
def test_kinds_are_told_by_their_content_and_kept(tmp_path, suffix, name):
    data = encoded(suffix)
    import_data(as_zip(tmp_path / "a.zip", FACES | {f"train/sad/{name}": data}), tmp_path / "out")
    assert found(tmp_path / "out")[f"train/5/{name}"] == data


def test_a_transparent_picture_is_laid_over_white(tmp_path):
    pixels = np.dstack([COLOUR, np.zeros((16, 12), np.uint8)])
    import_data(as_zip(tmp_path / "a.zip", FACES | {"train/sad/a.webp": encoded(".png", pixels)}), tmp_path / "out")
    kept = found(tmp_path / "out")["train/5/a.png"]
    assert (cv2.imdecode(np.frombuffer(kept, np.uint8), cv2.IMREAD_COLOR) == 255).all()


def test_pixels_are_compared_as_they_are_seen():
    grey = np.repeat(COLOUR[..., :1], 3, axis=2)
    same = [encoded(".png", grey), encoded(".bmp", grey), encoded(".png", grey[..., 0])]
    assert len({read_picture(data)[1] for data in same}) == 1
    assert read_picture(encoded(".png", grey.reshape(12, 16, 3)))[1] != read_picture(same[0])[1]


@pytest.mark.parametrize("data", [b"", b"hello", face(1)[:40], b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused(data):
    with pytest.raises(ValueError, match="not an image that can be read"):
        read_picture(data)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff"])
def test_too_many_pixels_are_skipped(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(picture, "MAX_PIXELS", 2_000_000)
    files = FACES | {"train/sad/a.png": encoded(suffix, np.zeros((1001, 2000), np.uint8))}
    record = import_data(as_zip(tmp_path / "a.zip", files), tmp_path / "out")
    assert record["skipped"] == [{"file": "train/sad/a.png", "reason": "more than 2 million pixels"}]
