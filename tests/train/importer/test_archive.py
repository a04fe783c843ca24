"""Zips: whatever tool has made them they are read, and nothing that they claim is believed."""

import bz2
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.train.importer.sources import as_folder, as_zip, face, found, refused, totals, tree
from train.importer import archive, folder
from train.importer.build import import_data

FACES = tree("train", "val", "test")
ENTRY, END = b"PK\x01\x02", b"PK\x05\x06"
METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def member(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("placeholder")
    info.filename = info.orig_filename = name
    info.create_system, info.external_attr = 3, mode << 16
    return info


def picture(suffix: str, side: int) -> bytes:
    pixels = np.random.default_rng(side).integers(0, 256, (side, side, 3), np.uint8)
    return cv2.imencode(suffix, pixels)[1].tobytes()


# Refused archives


@pytest.mark.parametrize(
    "info",
    [
        member("../train/sad/1.png"),
        member("train/../../sad/1.png"),
        member("/train/sad/1.png"),
        member("C:/train/sad/1.png"),
        member("C:1.png"),
        member("C:\\train\\sad\\1.png"),
        member("\\\\server\\share\\1.png"),
        member("train\\..\\..\\1.png"),
        member("train/sad/../../.."),
        member("__MACOSX/../../sad/1.png"),
        member("train/sad/1.png", stat.S_IFLNK | 0o777),
    ],
    ids=lambda info: info.filename,
)
def test_unsafe_members_are_refused(tmp_path, info):
    source = as_zip(tmp_path / "faces.zip", FACES)
    with zipfile.ZipFile(source, "a") as writer:
        writer.writestr(info, face(99))
    refused(tmp_path, source, "outside its folder|symbolic link")


def patched(path: Path, offset: int, value: int) -> Path:
    """Zip with another byte in the first entry of its list of members."""
    data = bytearray(as_zip(path, FACES).read_bytes())
    data[data.index(ENTRY) + offset] = value
    path.write_bytes(data)
    return path


def with_a_name_in_latin_1(path: Path) -> Path:
    data = as_zip(path, FACES | {"train/sad/äö.png": face(99)}).read_bytes()
    path.write_bytes(data.replace("äö".encode(), b"\xe4\xf6\xe4\xf6"))
    return path


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: patched(path, 8, 1), "encrypted"),
        (lambda path: patched(path, 34, 1), "one of several parts"),
        (lambda path: patched(path, 6, 255), "not a zip, or"),
        (lambda path: patched(path, 0, 0), "not a zip, or"),
        (with_a_name_in_latin_1, "not UTF-8"),
    ],
)
def test_archives_that_cannot_be_read_are_refused(tmp_path, make, problem):
    refused(tmp_path, make(tmp_path / "a.zip"), problem)


def test_archives_that_expand_too_far_are_refused(tmp_path):
    source = as_zip(tmp_path / "faces.zip", FACES | {"train/sad/bomb.png": bytes(100_000)})
    size = sum(map(len, FACES.values())) + 100_000
    refused(tmp_path, source, "more than", max_bytes=size - 1)
    import_data(source, tmp_path / "out", max_bytes=size)


def test_members_are_counted_before_memory_is_taken_for_them(tmp_path, monkeypatch):
    """The archive claims one member, and its list has 2,000: the first one again and again."""
    source = as_zip(tmp_path / "faces.zip", {"train/sad/1.png": face(1)})
    data = source.read_bytes()
    start, end = data.index(ENTRY), data.index(END)
    entries = data[start:end] * 2000
    source.write_bytes(data[:start] + entries + struct.pack("<4s4H2LH", END, 0, 0, 1, 1, len(entries), start, 0))
    monkeypatch.setattr(archive, "MAX_MEMBERS", 1999)
    monkeypatch.setattr(zipfile, "ZipInfo", lambda *_: pytest.fail("read a member"))
    refused(tmp_path, source, "more than 1,999 members")


def test_a_list_of_members_that_is_too_long_is_refused(tmp_path, monkeypatch):
    source = as_zip(tmp_path / "faces.zip", FACES)
    monkeypatch.setattr(archive, "_MAX_DIRECTORY_BYTES", 100)
    refused(tmp_path, source, "members")


# Memory


PEAK = r"""
import re
from pathlib import Path
from train.importer.__main__ import main
main()
print(re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1])
"""


def peak_memory(source: Path, output: Path) -> int:
    """Import in a process of its own and return the most memory that it had, in MB."""
    command = [sys.executable, "-c", PEAK, str(source), "--output", str(output)]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) // 1000


def bz2_bomb(path: Path) -> Path:
    """Zip with a member of a few hundred bytes that become 400 MB, and claim to be a thousand."""
    packer, zeros = bz2.BZ2Compressor(), bytes(16_000_000)
    bomb = b"".join([*(packer.compress(zeros) for _ in range(25)), packer.flush()])
    data = as_zip(path, FACES | {"train/sad/bomb.png": bomb}, zipfile.ZIP_STORED).read_bytes()
    data = data.replace(struct.pack("<LL", len(bomb), len(bomb)), struct.pack("<LL", len(bomb), 1000))
    for mark, offset in ((b"PK\x03\x04", 8), (ENTRY, 10)):
        at = data.rindex(mark) + offset
        data = data[:at] + struct.pack("<H", zipfile.ZIP_BZIP2) + data[at + 2 :]
    path.write_bytes(data)
    return path


def picture_bomb(path: Path) -> Path:
    """Zip with a picture of 144 million pixels in one colour."""
    pixels = np.zeros((12_000, 12_000), np.uint8)
    bomb = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    return as_zip(path, FACES | {"train/sad/bomb.png": bomb})


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is read from /proc, which Linux has")
@pytest.mark.parametrize("make", [bz2_bomb, picture_bomb])
def test_bombs_take_little_memory(tmp_path, make):
    source = make(tmp_path / "bomb.zip")
    assert source.stat().st_size < 4_000_000
    assert peak_memory(source, tmp_path / "out") < 300
    assert len(found(tmp_path / "out")) == len(FACES)


def test_a_member_longer_than_its_header_says_is_not_expanded(tmp_path):
    long = 5_000_011
    source = as_zip(tmp_path / "faces.zip", FACES | {"train/sad/bomb.png": bytes(long)})
    lie = source.read_bytes().replace(long.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    source.write_bytes(lie)
    record = import_data(source, tmp_path / "out", max_bytes=50_000)
    assert [item["file"] for item in record["skipped"]] == ["train/sad/bomb.png"]


def test_the_size_of_an_lzma_dictionary_is_not_believed(tmp_path):
    """LZMA takes memory for the whole dictionary at once, and a member may ask for 4 GiB of it."""
    source = as_zip(tmp_path / "faces.zip", FACES, zipfile.ZIP_LZMA)
    data = bytearray(source.read_bytes())
    with zipfile.ZipFile(source) as reader:
        for info in reader.infolist():
            at = info.header_offset + 30 + len(info.filename) + 5
            data[at : at + 4] = b"\xff\xff\xff\xff"
    source.write_bytes(data)
    record = import_data(source, tmp_path / "out")
    assert totals(record) == {"train": 7, "val": 7, "test": 7} and record["skipped"] == []


# Files left out


def test_too_large_and_damaged_files_are_skipped(tmp_path, monkeypatch):
    for module in (archive, folder):
        monkeypatch.setattr(module, "MAX_FILE_BYTES", 10_000)
    files = FACES | {"train/sad/big.png": bytes(10_001), "train/sad/hurt.png": b"MARK" * 9}
    source = as_zip(tmp_path / "faces.zip", files, zipfile.ZIP_STORED)
    source.write_bytes(source.read_bytes().replace(b"MARKMARK", b"MARKBARK", 1))
    reasons = {item["file"]: item["reason"] for item in import_data(source, tmp_path / "a")["skipped"]}
    assert reasons.keys() == {"train/sad/big.png", "train/sad/hurt.png"}
    assert "damaged" in reasons["train/sad/hurt.png"]
    record = import_data(as_folder(tmp_path / "faces", files), tmp_path / "b")
    assert record["skipped"][0]["file"] == "train/sad/big.png"


@pytest.mark.parametrize("method", METHODS[1:])
@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_damaged_members_are_skipped(tmp_path, method, at):
    source = as_zip(tmp_path / "faces.zip", FACES | {"train/sad/long.png": picture(".png", 100)}, method)
    data = bytearray(source.read_bytes())
    with zipfile.ZipFile(source) as reader:
        info = reader.getinfo("train/sad/long.png")
    data[info.header_offset + 60 + int(at * (info.compress_size - 40))] ^= 0xFF
    source.write_bytes(data)
    record = import_data(source, tmp_path / "out")
    assert record["skipped"] == [{"file": "train/sad/long.png", "reason": "damaged in the archive"}]


def test_methods_that_python_lacks_are_named(tmp_path):
    source = as_zip(tmp_path / "faces.zip", FACES | {"train/sad/64.png": face(99)}, zipfile.ZIP_STORED)
    data = bytearray(source.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 8), (ENTRY, 10)):
        data[data.rindex(mark) + offset] = 9
    source.write_bytes(data)
    assert "Deflate64" in import_data(source, tmp_path / "out")["skipped"][0]["reason"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_last_member_of_a_name_counts(tmp_path):
    source = as_zip(tmp_path / "a.zip", FACES)
    with zipfile.ZipFile(source, "a") as writer:
        writer.writestr("train/sad/5.png", face(99))
    record = import_data(source, tmp_path / "out")
    assert found(tmp_path / "out")["train/5/5.png"] == face(99)
    assert record["skipped"] == [{"file": "train/sad/5.png", "reason": "twice in the archive, the last one counts"}]


# Files read


@pytest.mark.parametrize("method", METHODS)
def test_every_method_of_compression(tmp_path, method):
    files = FACES | {"train/sad/long.bmp": picture(".bmp", 400)}
    import_data(as_zip(tmp_path / "faces.zip", files, method), tmp_path / "out")
    assert sorted(found(tmp_path / "out").values()) == sorted(files.values())


@pytest.mark.parametrize("name", ["geschäft 😀.png", "café.png"])
def test_names_of_other_languages(tmp_path, name):
    import_data(as_zip(tmp_path / "a.zip", FACES | {f"train/sad/{name}": face(99)}), tmp_path / "out")
    assert found(tmp_path / "out")[f"train/5/{name}"] == face(99)


def test_names_that_are_too_long_for_a_file_system_are_cut(tmp_path):
    names = [f"{'long ' * 60}{end}" for end in ("one.png", "two.png")] + ["é" * 130 + ".png", "a." + "b" * 300]
    files = FACES | {f"train/sad/{name}": face(90 + i) for i, name in enumerate(names)}
    import_data(as_zip(tmp_path / "a.zip", files), tmp_path / "out")
    assert sorted(found(tmp_path / "out").values()) == sorted(files.values())


@pytest.mark.parametrize("top", ["", "fer\\"])
def test_backslashes_of_windows(tmp_path, top):
    """PowerShell 5 writes them, folders included."""
    source = tmp_path / "win.zip"
    with zipfile.ZipFile(source, "w") as writer:
        writer.writestr(member(f"{top}train\\"), b"")
        for name, data in FACES.items():
            writer.writestr(member(top + name.replace("/", "\\")), data)
    record = import_data(source, tmp_path / "out")
    assert totals(record) == {"train": 7, "val": 7, "test": 7} and record["skipped"] == []
    assert record["left_out"] == [] and record["notes"] == []


class Unseekable:
    """File that can only be written to the end."""

    def __init__(self, file) -> None:
        self.write, self.flush = file.write, file.flush


def test_sizes_behind_the_data(tmp_path):
    """Writers of streams put sizes into a descriptor behind each member."""
    source = tmp_path / "a.zip"
    with source.open("wb") as file, zipfile.ZipFile(Unseekable(file), "w", zipfile.ZIP_BZIP2) as writer:
        for name, data in FACES.items():
            writer.writestr(name, data)
    assert totals(import_data(source, tmp_path / "out")) == {"train": 7, "val": 7, "test": 7}


def test_zip64(tmp_path):
    source = tmp_path / "a.zip"
    with zipfile.ZipFile(source, "w") as writer:
        for name, data in FACES.items():
            with writer.open(name, "w", force_zip64=True) as stream:
                stream.write(data)
    assert totals(import_data(source, tmp_path / "out")) == {"train": 7, "val": 7, "test": 7}
