import csv
import shutil

import cv2
import numpy as np
import pytest

from edge.base.errors import UserError
from train.dataset import (
    FERPLUS_COLUMNS,
    FERPLUS_OTHERS,
    load_split,
    read_ferplus_majority,
    read_labels,
    read_soft_labels,
)


def write_rows(path, header, rows):
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


@pytest.mark.parametrize(("channels", "size"), [(1, 32), (3, 32), (1, 48), (3, 16)])
def test_images_have_the_size_and_planes_asked_for(bars, channels, size):
    split = load_split(bars, "val", size, channels)
    assert split.images.shape == (56, size, size, channels)
    assert split.images.dtype == np.uint8
    assert split.classes.tolist() == [number for number in range(7) for _ in range(8)]
    assert split.files[0] == "val/0/000.png"
    assert split.images.std() > 20


def fingerprints(root):
    split = load_split(root, "val", 32, 1)
    return split.fingerprint, read_labels(root, split, ["folder"])[1]


def test_the_same_faces_in_other_files_are_the_same_data(bars, tmp_path):
    """Other names, in another order, other formats, and grey pictures as colour ones."""
    copy = shutil.copytree(bars, tmp_path / "copy")
    for i, path in enumerate(sorted((copy / "val").rglob("*.png"))):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR if i % 2 else cv2.IMREAD_GRAYSCALE)
        path.unlink()
        cv2.imwrite(
            str(path.with_name(f"z{99 - i}.{('bmp', 'webp', 'png')[i % 3]}")), image, [cv2.IMWRITE_WEBP_QUALITY, 101]
        )
    assert fingerprints(copy) == fingerprints(bars)


def test_a_fingerprint_depends_on_pixels_and_labels(bars, tmp_path):
    copy = shutil.copytree(bars, tmp_path / "copy")
    image = cv2.imread(str(copy / "val/0/000.png"))
    image[0, 0] ^= 1
    cv2.imwrite(str(copy / "val/0/000.png"), image)
    other_pixel = fingerprints(copy)
    shutil.copy(bars / "val/0/000.png", copy / "val/0/000.png")
    assert fingerprints(copy) == fingerprints(bars)
    (copy / "val/0/000.png").rename(copy / "val/1/moved.png")
    assert not set(other_pixel) & set(fingerprints(bars))
    assert not set(fingerprints(copy)) & {*fingerprints(bars), *other_pixel}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: shutil.rmtree(root / "val"), "no such split"),
        (lambda root: shutil.rmtree(root / "val/3"), "no images of class 'happy'"),
        (lambda root: (root / "val/3/000.png").write_bytes(b"GIF"), "val/3/000.png: not an image"),
        (lambda root: (root / "val/3/000.png").write_bytes(b""), "val/3/000.png: not an image"),
        (
            lambda root: (root / "val/3/000.png").write_bytes(b"P5 70000 70000 255\n"),
            "000.png: the image has more than",
        ),
    ],
)
def test_what_is_missing_or_broken_is_named(bars, tmp_path, damage, message):
    root = shutil.copytree(bars, tmp_path / "copy")
    damage(root)
    with pytest.raises(UserError, match=message):
        load_split(root, "val", 32, 1)


def test_soft_labels_replace_one_hot_where_they_are(tmp_path):
    files, classes = ("train/0/a.png", "train/1/b.png", "train/2/c.png"), np.array([0, 1, 2])
    header = ["file", *map(str, range(7))]
    assert read_soft_labels(tmp_path, files, classes).tolist() == np.eye(7)[:3].tolist()
    (tmp_path / "train/0").mkdir(parents=True)
    (tmp_path / files[0]).touch()
    write_rows(tmp_path / "labels.csv", header, [[files[0], 0.5, 0, 0, 0, 0.5, 0, 0], [files[2], *[0] * 7]])
    labels = read_soft_labels(tmp_path, files, classes)
    assert labels.tolist() == [[0.5, 0, 0, 0, 0.5, 0, 0], [0, 1, 0, 0, 0, 0, 0], [0] * 7]
    write_rows(tmp_path / "labels.csv", header, [[files[0], 0.5, 0, 0, 0, 0, 0, 0]])
    with pytest.raises(UserError, match=r"train/0/a.png is neither a distribution nor all zero"):
        read_soft_labels(tmp_path, files, classes)
    write_rows(tmp_path / "labels.csv", header, [["a.png", 1, 0, 0, 0, 0, 0, 0]])
    with pytest.raises(UserError, match=r"no image here has any of its names, such as a\.png"):
        read_soft_labels(tmp_path, files, classes)


def test_soft_labels_that_a_spreadsheet_has_saved(tmp_path):
    text = "file,0,1,2,3,4,5,6\r\ntrain/0/a.png,0.5,0,0,0,0.5,0,0\r\n"
    (tmp_path / "train/0").mkdir(parents=True)
    (tmp_path / "train/0/a.png").touch()
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8-sig")
    assert read_soft_labels(tmp_path, ("train/0/a.png",), np.array([1])).tolist() == [[0.5, 0, 0, 0, 0.5, 0, 0]]
    (tmp_path / "labels.csv").write_text(text, encoding="utf-16")
    with pytest.raises(UserError, match="malformed"):
        read_soft_labels(tmp_path, ("train/0/a.png",), np.array([1]))


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ({"happiness": 9, "neutral": 1}, 3),
        ({"anger": 6, "contempt": 4}, 0),
        ({"happiness": 5, "neutral": 5}, -1),
        ({"contempt": 6, "neutral": 4}, -1),
        ({"unknown": 6, "sadness": 4}, -1),
        ({"NF": 10}, -1),
        ({"sadness": 4, "NF": 4, "fear": 2}, -1),
        ({"surprise": 4, "fear": 3, "unknown": 3}, 6),
        ({}, -1),
    ],
)
def test_majority_of_the_crowd(tmp_path, votes, expected):
    columns = [*FERPLUS_COLUMNS, *FERPLUS_OTHERS]
    write_rows(tmp_path / "votes.csv", ["file", *columns], [["test/0/a.png", *(votes.get(c, 0) for c in columns)]])
    assert read_ferplus_majority(tmp_path, ("test/0/a.png", "test/0/unknown.png")).tolist() == [expected, -1]


def test_votes_that_are_missing(tmp_path):
    with pytest.raises(UserError, match="no votes"):
        read_ferplus_majority(tmp_path, ("test/0/a.png",))
    write_rows(tmp_path / "votes.csv", ["file", *FERPLUS_COLUMNS, *FERPLUS_OTHERS], [["train/0/z.png", *[1] * 10]])
    with pytest.raises(UserError, match="no votes for this split"):
        read_ferplus_majority(tmp_path, ("test/0/a.png",))
