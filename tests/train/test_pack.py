import cv2
import numpy as np
import pytest

from edge.base.errors import UserError
from train.dataset import load_split
from train.pack import pack, unpack


@pytest.mark.parametrize("rows", [2, 64])
def test_an_unpacked_data_set_is_the_same_data(bars, tmp_path, monkeypatch, rows):
    monkeypatch.setattr("train.pack.ROWS", rows)
    pack(bars, tmp_path / "packed", ["val", "test"])
    assert len(list((tmp_path / "packed").glob("*.webp"))) == -(-112 // rows**2)
    unpack(tmp_path / "packed", tmp_path / "data")
    for split in ("val", "test"):
        ours, theirs = load_split(tmp_path / "data", split, 32, 1), load_split(bars, split, 32, 1)
        assert ours.fingerprint == theirs.fingerprint
        assert ours.files == theirs.files
        np.testing.assert_array_equal(ours.images, theirs.images)


def test_what_cannot_be_packed_is_named(bars, tmp_path):
    data = tmp_path / "data"
    for number in range(7):
        (data / f"val/{number}").mkdir(parents=True)
        cv2.imwrite(str(data / f"val/{number}/a.png"), np.full((8, 8 + (number == 3)), 9, np.uint8))
    with pytest.raises(UserError, match=r"val/3/a\.png: not grey, or not as large as .*val/0/a\.png"):
        pack(data, tmp_path / "packed", ["val"])
    with pytest.raises(UserError, match="no pack here"):
        unpack(tmp_path, tmp_path / "other")


def test_a_missing_sheet_is_named_before_anything_is_laid_out(bars, tmp_path, monkeypatch):
    monkeypatch.setattr("train.pack.ROWS", 2)
    pack(bars, tmp_path / "packed", ["val"])
    (tmp_path / "packed/faces_003.webp").unlink()
    with pytest.raises(UserError, match=r"faces_003\.webp: missing from the pack"):
        unpack(tmp_path / "packed", tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_part_of_a_pack_is_laid_out(bars, tmp_path):
    pack(bars, tmp_path / "packed", ["val"])
    unpack(tmp_path / "packed", tmp_path / "data", most=2)
    files = tuple(f"val/{number}/{name}.png" for number in range(7) for name in ("000", "001"))
    assert load_split(tmp_path / "data", "val", 32, 1).files == files
