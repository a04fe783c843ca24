"""From what people download to the dataset layout: every rule of the importer on images of a few pixels."""

import csv
import hashlib
import json
import stat
import subprocess
import sys
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.emotions import EMOTIONS
from edge.errors import UserError, exit_on_user_error
from train.importer import build as importer
from train.importer import readers
from train.importer.__main__ import main
from train.importer.build import import_data
from train.importer.report import MAX_LISTED, report
from train.importer.votes import VOTE_COLUMNS, soft_label

SHARED = Path(__file__).parents[3].parent / "shared"
ROOT = Path(__file__).parents[3]


def face(number: int, suffix: str = ".png") -> bytes:
    """Image file of 8x8 grey pixels, other pixels for every number."""
    pixels = np.random.default_rng(number).integers(0, 256, (8, 8), np.uint8)
    return cv2.imencode(suffix, pixels)[1].tobytes()


def tree(*folders: str, each: int = 1, start: int = 0) -> dict[str, bytes]:
    """`each` different images in every `<folder>/<class>`; without folders, in `<class>`."""
    names = [f"{folder}/{name}".lstrip("/") for folder in folders or ("",) for name in EMOTIONS]
    return {
        f"{name}/{start + i}.png": face(start + i) for i, name in enumerate(name for name in names for _ in range(each))
    }


def as_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def as_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def as_table(path: Path, rows: list[tuple], header: str = "emotion,pixels,Usage") -> Path:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def pixels_text(number: int) -> str:
    return " ".join(map(str, np.random.default_rng(number).integers(0, 256, 48 * 48)))


def table_rows() -> list[tuple]:
    """A row of every digit for Training, then one row for each held-out part."""
    rows = [(digit, pixels_text(digit), "Training") for digit in range(7)]
    return [*rows, (3, pixels_text(7), "PublicTest"), (4, pixels_text(8), "PrivateTest")]


def found(root: Path) -> dict[str, bytes]:
    """Every image of a dataset by its path in it."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.glob("*/*/*")}


def totals(record: dict) -> dict[str, int]:
    return {split: sum(counts.values()) for split, counts in record["counts"].items()}


def read_rows(path: Path) -> dict[str, list[float]]:
    with path.open(newline="") as file:
        return {row[0]: [float(cell) for cell in row[1:]] for row in list(csv.reader(file))[1:]}


@pytest.mark.parametrize("make", [as_zip, as_folder])
def test_layout_and_bytes_stay_as_they_are(tmp_path, make):
    files = tree("train", "val", "test")
    record = import_data(make(tmp_path / "faces", files), tmp_path / "out")
    expected = {}
    for name, data in files.items():
        split, emotion, file = name.split("/")
        expected[f"{split}/{EMOTIONS.index(emotion)}/{file}"] = data
    assert found(tmp_path / "out") == expected
    assert totals(record) == {"train": 7, "val": 7, "test": 7}
    assert not (tmp_path / "out/labels.csv").exists() and not (tmp_path / "out/votes.csv").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces", "out"]


@pytest.mark.parametrize(
    ("folder", "emotion"),
    [
        ("angry", 0), ("Anger", 0), ("0", 0), ("disgusted", 1), ("DISGUST", 1), ("fearful", 2), ("Fear", 2),
        ("happiness", 3), ("3", 3), ("Neutral", 4), ("4", 4), ("sadness", 5), ("5", 5), ("surprised", 6),
        ("6", 6), ("angry/1", 0), ("6/person", 6), ("./happy", 3),
    ],
)  # fmt: skip
def test_class_folders(tmp_path, folder, emotion):
    files = tree("train", "val", "test") | {f"test/{folder}/x.png": face(99)}
    import_data(as_zip(tmp_path / "faces.zip", files), tmp_path / "out")
    assert (tmp_path / f"out/test/{emotion}/x.png").read_bytes() == face(99)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train/sad/PrivateTest_1.png", "test"),
        ("test/sad/Training_1.png", "train"),
        ("test/sad/PublicTest_1.png", "val"),
        ("sad/publictest_1.png", "val"),
        ("validation/sad/1.png", "val"),
        ("Val/sad/1.png", "val"),
        ("fer/Test/sad/1.png", "test"),
        ("PrivateTest/sad/1.png", "test"),
        ("sad/1.png", "train"),
    ],
)
def test_prefix_then_folder_decides_the_split(tmp_path, name, split):
    files = tree("train", "val", "test") | {name: face(99)}
    import_data(as_zip(tmp_path / "faces.zip", files), tmp_path / "out")
    assert (tmp_path / "out" / split / "5" / Path(name).name).is_file()


@pytest.mark.parametrize(
    ("held_out", "expected"),
    [
        ("test", {"train": 126, "val": 14, "test": 7}),
        ("val", {"train": 126, "val": 14, "test": 7}),
        (None, {"train": 112, "val": 14, "test": 14}),
    ],
)
def test_what_the_source_lacks_is_carved_from_train(tmp_path, held_out, expected):
    files = tree("train", each=20)
    held = tree(held_out, start=1000) if held_out else {}
    record = import_data(as_zip(tmp_path / "faces.zip", files | held), tmp_path / "out")
    assert totals(record) == expected
    for counts in record["counts"].values():
        assert len(set(counts.values())) == 1
    if held_out:
        tested = {data for name, data in found(tmp_path / "out").items() if name.startswith("test/")}
        assert tested == set(held.values())


def test_the_split_follows_the_seed_and_not_the_container(tmp_path):
    files = tree("", each=20)
    archive, folder = as_zip(tmp_path / "faces.zip", files), as_folder(tmp_path / "faces", files)
    import_data(archive, tmp_path / "a", seed=1)
    import_data(folder, tmp_path / "b", seed=1)
    import_data(archive, tmp_path / "c", seed=2)
    assert found(tmp_path / "a") == found(tmp_path / "b") != found(tmp_path / "c")


def test_copies_move_together_when_train_is_split(tmp_path):
    files = tree("", each=10)
    files |= {f"{Path(name).parent}/copy_{Path(name).name}": data for name, data in files.items()}
    files |= {"happy/contradiction.png": files["angry/0.png"]}
    record = import_data(as_zip(tmp_path / "faces.zip", files), tmp_path / "out")
    assert not shared_pixels(tmp_path / "out")
    assert record["dropped"] == [] and sum(totals(record).values()) == 141
    assert len(record["duplicates"]) == 70
    assert record["contradictions"] == [
        {"angry/0.png": "angry", "angry/copy_0.png": "angry", "happy/contradiction.png": "happy"}
    ]


@pytest.mark.parametrize(
    ("sides", "dropped"),
    [
        ({"train": "sad", "val": "sad"}, ["train"]),
        ({"train": "sad", "test": "fear"}, ["train"]),
        ({"val": "sad", "test": "sad"}, ["val"]),
        ({"train": "sad", "val": "sad", "test": "sad"}, ["train", "val"]),
    ],
)
def test_a_copy_on_two_sides_leaves_the_less_precious_one(tmp_path, sides, dropped):
    # Saved in another format and in colour: what counts is what training sees.
    colour = cv2.cvtColor(cv2.imdecode(np.frombuffer(face(99), np.uint8), 0), cv2.COLOR_GRAY2BGR)
    copies = (face(99), cv2.imencode(".bmp", colour)[1].tobytes(), face(99))
    copied = {f"{side}/{name}/copy.png": data for (side, name), data in zip(sides.items(), copies, strict=False)}
    source = as_zip(tmp_path / "faces.zip", tree("train", "val", "test") | copied)
    record = import_data(source, tmp_path / "out")
    assert [item["split"] for item in record["dropped"]] == dropped
    assert not shared_pixels(tmp_path / "out")
    assert record["duplicates"] == [sorted(copied)]
    assert len(record["contradictions"]) == (len(set(sides.values())) > 1)


def shared_pixels(root: Path) -> set[str]:
    """Hashes of the pixels that stand in more than one split."""
    sides = defaultdict(set)
    for name, data in found(root).items():
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        sides[hashlib.sha256(pixels.tobytes() + repr(pixels.shape).encode()).hexdigest()].add(name.split("/")[0])
    return {pixels for pixels, splits in sides.items() if len(splits) > 1}


def test_equal_names_do_not_overwrite_each_other(tmp_path):
    names = ["train/angry/a.png", "train/anger/a.png", "more/train/angry/A.png"]
    files = tree("train", "val", "test") | {name: face(100 + i) for i, name in enumerate(names)}
    import_data(as_zip(tmp_path / "faces.zip", files), tmp_path / "out")
    kept = [name for name in found(tmp_path / "out") if name.startswith("train/0/")]
    assert len({name.casefold() for name in kept}) == 4


def test_table_has_its_own_order_of_classes(tmp_path):
    record = import_data(as_table(tmp_path / "fer2013.csv", table_rows()), tmp_path / "out")
    names = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    expected = {f"train/{EMOTIONS.index(name)}/Training_000000{i}.png" for i, name in enumerate(names)}
    assert set(found(tmp_path / "out")) == expected | {
        "val/3/PublicTest_0000007.png",
        "test/5/PrivateTest_0000008.png",
    }
    pixels = cv2.imread(str(tmp_path / "out/val/3/PublicTest_0000007.png"), cv2.IMREAD_UNCHANGED)
    assert pixels.shape == (48, 48)
    assert " ".join(map(str, pixels.ravel())) == pixels_text(7)
    assert record["source"] == "fer2013.csv"


def test_second_edition_of_the_table(tmp_path):
    rows = [(emotion, usage, pixels) for emotion, pixels, usage in table_rows()]
    table = as_table(tmp_path / "icml_face_data.csv", rows, header="emotion, Usage, pixels")
    assert totals(import_data(table, tmp_path / "out")) == {"train": 7, "val": 1, "test": 1}


@pytest.mark.parametrize(
    "row",
    [
        (0, "1 2 3", "Training"),
        (0, pixels_text(9) + " 1", "Training"),
        (0, pixels_text(9).replace(" ", " 256 ", 1).rsplit(" ", 1)[0], "Training"),
        (0, pixels_text(9).replace(" ", " -1 ", 1).rsplit(" ", 1)[0], "Training"),
        (0, pixels_text(9).replace(" ", " x ", 1).rsplit(" ", 1)[0], "Training"),
        (0, "9" * 30, "Training"),
        (7, pixels_text(9), "Training"),
        ("", pixels_text(9), "Training"),
        (0, pixels_text(9), "Elsewhere"),
        (0,),
    ],
)
def test_bad_rows_of_a_table_are_skipped(tmp_path, row):
    record = import_data(as_table(tmp_path / "fer2013.csv", [row, *table_rows()]), tmp_path / "out")
    assert [item["file"] for item in record["skipped"]] == ["row 0"]
    assert (tmp_path / "out/test/5/PrivateTest_0000009.png").is_file()


@pytest.mark.parametrize("make", [as_zip, as_folder])
def test_what_is_no_image_is_skipped_and_listed(tmp_path, make):
    bad = {
        "train/sad/notes.txt": b"hello",
        "train/sad/empty.png": b"",
        "train/sad/cut.png": face(50)[:40],
        "train/contempt/1.png": face(51),
        "readme.md": b"#",
    }
    ignored = {"__MACOSX/train/sad/._1.png": b"x", "train/sad/.DS_Store": b"x", ".git/sad/1.png": face(52)}
    record = import_data(make(tmp_path / "faces", tree("train", "val", "test") | bad | ignored), tmp_path / "out")
    assert {item["file"] for item in record["skipped"]} == set(bad)
    assert totals(record) == {"train": 7, "val": 7, "test": 7}


def test_too_large_and_damaged_files_are_skipped(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "MAX_FILE_BYTES", 10_000)
    files = tree("train", "val", "test") | {
        "train/sad/big.png": bytes(10_001),
        "train/sad/hurt.png": b"MARK" * 9,
    }
    folder = as_folder(tmp_path / "faces", files)
    archive = tmp_path / "faces.zip"
    with zipfile.ZipFile(archive, "w") as writer:
        for name, data in files.items():
            writer.writestr(name, data)
    archive.write_bytes(archive.read_bytes().replace(b"MARKMARK", b"MARKBARK", 1))
    reasons = {item["file"]: item["reason"] for item in import_data(archive, tmp_path / "a")["skipped"]}
    assert reasons.keys() == {"train/sad/big.png", "train/sad/hurt.png"}
    assert "damaged" in reasons["train/sad/hurt.png"]
    assert import_data(folder, tmp_path / "b")["skipped"][0]["file"] == "train/sad/big.png"


def test_folder_links_are_followed_once(tmp_path):
    source = as_folder(tmp_path / "faces", tree("train", "val", "test"))
    as_folder(tmp_path / "elsewhere", {"linked.png": face(99)})
    (source / "train" / "sadness").symlink_to(tmp_path / "elsewhere")
    (source / "train" / "ring").symlink_to(source)
    (source / "train" / "sad" / "gone.png").symlink_to(tmp_path / "nowhere")
    record = import_data(source, tmp_path / "out")
    assert totals(record) == {"train": 8, "val": 7, "test": 7}
    assert [item["file"] for item in record["skipped"]] == ["train/sad/gone.png"]


# Votes


def vote(**counts: int) -> tuple[int, ...]:
    return tuple(counts.get(column, 0) for column in VOTE_COLUMNS)


@pytest.mark.parametrize(
    ("counts", "label"),
    [
        (vote(anger=10), [1, 0, 0, 0, 0, 0, 0]),
        (vote(anger=1, disgust=2, fear=2), [0, 0.5, 0.5, 0, 0, 0, 0]),
        (vote(happiness=3, neutral=3, sadness=2, surprise=2), [0, 0, 0, 0.3, 0.3, 0.2, 0.2]),
        (vote(sadness=4, contempt=4, unknown=2), [0, 0, 0, 0, 0, 1, 0]),
        (vote(contempt=9, anger=1), [0] * 7),
        (vote(NF=10), [0] * 7),
        (vote(), [0] * 7),
    ],
)
def test_soft_label(counts, label):
    assert soft_label(counts).tolist() == pytest.approx(label)


def sidecar(path: Path, rows: dict[str, tuple[int, ...]]) -> Path:
    header = ",".join(["file", *VOTE_COLUMNS])
    return as_table(path, [(file, *counts) for file, counts in rows.items()], header)


def test_sidecar_by_path_then_by_unique_base_name(tmp_path):
    files = tree("train", "val", "test")
    by_path, by_base, unsure, silent = list(files)[:4]
    files |= {"test/sad/twin.png": face(90), "train/sad/twin.png": face(91)}
    votes = {
        by_path: vote(anger=5, fear=5, NF=1),
        f"elsewhere/{Path(by_base).name}": vote(happiness=10),
        unsure: vote(unknown=10),
        "elsewhere/twin.png": vote(fear=10),
        "elsewhere/stranger.png": vote(fear=10),
    }
    out = tmp_path / "out"
    source = as_zip(tmp_path / "faces.zip", files)
    record = import_data(source, out, votes=sidecar(tmp_path / "votes.csv", votes))
    labels, raw = read_rows(out / "labels.csv"), read_rows(out / "votes.csv")
    assert labels == {
        "train/0/0.png": [0.5, 0, 0.5, 0, 0, 0, 0],
        "train/1/1.png": [0, 0, 0, 1, 0, 0, 0],
        "train/2/2.png": [0] * 7,
    }
    assert raw["train/0/0.png"] == [*vote(anger=5, fear=5, NF=1)] and raw.keys() == labels.keys()
    assert all((out / file).is_file() for file in labels)
    assert (out / "labels.csv").read_text().startswith("file,0,1,2,3,4,5,6\n")
    assert (out / "votes.csv").read_text().startswith(f"file,{','.join(VOTE_COLUMNS)}\n")
    assert record["votes"] == 3 and silent not in labels


def test_labels_name_files_where_the_split_put_them(tmp_path):
    files = tree("", each=10)
    votes = sidecar(tmp_path / "votes.csv", {name: vote(fear=10) for name in files})
    import_data(as_zip(tmp_path / "faces.zip", files), tmp_path / "out", votes=votes)
    assert read_rows(tmp_path / "out/labels.csv").keys() == found(tmp_path / "out").keys()


def microsoft(path: Path, rows: list[tuple], name: str = "fer{:07d}.png") -> Path:
    rows = [(usage, name.format(i) if counts[-1] == 0 else "", *counts) for i, (usage, counts) in enumerate(rows)]
    return as_table(path, rows, ",".join(["Usage", "Image name", *VOTE_COLUMNS]))


def test_microsoft_votes_belong_to_the_rows_of_the_table(tmp_path):
    rows = table_rows()
    rows.insert(2, (0, "broken", "Training"))
    counts = [vote(fear=2 + i) if i else vote(NF=10) for i in range(len(rows))]
    votes = microsoft(tmp_path / "new.csv", [(row[2], counts[i]) for i, row in enumerate(rows)])
    record = import_data(as_table(tmp_path / "fer2013.csv", rows), tmp_path / "out", votes=votes)
    raw = read_rows(tmp_path / "out/votes.csv")
    assert record["votes"] == len(rows) - 1 and raw.keys() == found(tmp_path / "out").keys()
    assert raw["test/5/PrivateTest_0000009.png"] == [*counts[9]]
    assert raw["train/0/Training_0000000.png"] == [*vote(NF=10)]
    assert sum(read_rows(tmp_path / "out/labels.csv")["train/0/Training_0000000.png"]) == 0


def test_sidecar_and_microsoft_votes_by_name(tmp_path):
    files = tree("train", "val", "test") | {"train/sad/fer0000001.png": face(99)}
    votes = microsoft(tmp_path / "new.csv", [("Training", vote(fear=9)), ("Training", vote(sadness=9))])
    import_data(as_zip(tmp_path / "faces.zip", files), tmp_path / "a", votes=votes)
    assert read_rows(tmp_path / "a/labels.csv") == {"train/5/fer0000001.png": [0, 0, 0, 0, 0, 1, 0]}
    side = sidecar(tmp_path / "side.csv", {"test/sad/PrivateTest_0000008.png": vote(sadness=9)})
    import_data(as_table(tmp_path / "fer2013.csv", table_rows()), tmp_path / "b", votes=side)
    assert read_rows(tmp_path / "b/votes.csv").keys() == {"test/5/PrivateTest_0000008.png"}


TABLE_VOTES = [(row[2], vote(fear=9)) for row in table_rows()]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: microsoft(path, TABLE_VOTES[:-1]), "8 rows of votes for 9"),
        (lambda path: microsoft(path, TABLE_VOTES[::-1]), "another Usage"),
        (lambda path: sidecar(path, {"x.png": vote(fear=9)}), "none of the votes"),
        (lambda path: sidecar(path, {}), "no votes"),
        (lambda path: as_table(path, [("x.png", *"1234567891")], f"file,{'x,' * 9}x"), "lacks columns"),
        (lambda path: as_table(path, [vote(fear=9)], ",".join(VOTE_COLUMNS)), "lacks columns"),
        (lambda path: as_table(path, [("x.png", 1)], f"file,{','.join(VOTE_COLUMNS)}"), "whole number"),
        (lambda path: sidecar(path, {"x.png": vote(fear=-1)}), "whole number"),
        (lambda path: sidecar(path, {"x.png": ("1.5",) * 10}), "whole number"),
        (
            lambda path: as_table(
                path, [("x.png", *vote(fear=1)), ("x.png", *vote(fear=2))], f"file,{','.join(VOTE_COLUMNS)}"
            ),
            "twice",
        ),
        (lambda path: path.write_bytes(face(1)) and path, "not a table"),
        (lambda path: path, "cannot be read"),
    ],
)
def test_votes_that_do_not_fit_are_refused(tmp_path, make, problem):
    table = as_table(tmp_path / "fer2013.csv", table_rows())
    with pytest.raises(UserError, match=problem):
        import_data(table, tmp_path / "out" / "deep", votes=make(tmp_path / "votes.csv"))
    assert {path.name for path in tmp_path.iterdir()} <= {"fer2013.csv", "votes.csv"}


# Refusals


def member(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("placeholder")
    info.filename = info.orig_filename = name
    info.create_system, info.external_attr = 3, mode << 16
    return info


@pytest.mark.parametrize(
    "info",
    [
        member("../train/sad/1.png"),
        member("train/../../sad/1.png"),
        member("/train/sad/1.png"),
        member("C:/train/sad/1.png"),
        member("train\\sad\\1.png"),
        member("__MACOSX/../../sad/1.png"),
        member("train/sad/1.png", stat.S_IFLNK | 0o777),
    ],
    ids=lambda info: info.filename,
)
def test_unsafe_members_are_refused(tmp_path, info):
    source = as_zip(tmp_path / "faces.zip", tree("train", "val", "test"))
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr(info, face(99))
    refused(tmp_path, source, "outside its folder|symbolic link")


def refused(tmp_path: Path, source: Path, problem: str, **options) -> None:
    """The import says why in one line and leaves nothing behind."""
    before = set(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=problem) as caught:
        import_data(source, tmp_path / "new" / "out", **options)
    assert "\n" not in str(caught.value)
    assert set(tmp_path.rglob("*")) == before


def test_bombs_are_refused(tmp_path, monkeypatch):
    files = tree("train", "val", "test")
    source = as_zip(tmp_path / "faces.zip", files | {"train/sad/bomb.png": bytes(100_000)})
    size = sum(map(len, files.values())) + 100_000
    refused(tmp_path, source, "more than", max_bytes=size - 1)
    import_data(source, tmp_path / "out", max_bytes=size)
    monkeypatch.setattr(readers, "MAX_MEMBERS", 21)
    refused(tmp_path, source, "22 members")


def test_a_member_longer_than_its_header_says_is_not_expanded(tmp_path):
    long = 5_000_011
    source = as_zip(tmp_path / "faces.zip", tree("train", "val", "test") | {"train/sad/bomb.png": bytes(long)})
    lie = source.read_bytes().replace(long.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    source.write_bytes(lie)
    record = import_data(source, tmp_path / "out", max_bytes=50_000)
    assert [item["file"] for item in record["skipped"]] == ["train/sad/bomb.png"]


def test_bytes_are_counted_while_reading_too(tmp_path, monkeypatch):
    source = as_zip(tmp_path / "faces.zip", tree("train", "val", "test"))
    monkeypatch.setattr(readers, "_check_members", lambda *_: None)
    refused(tmp_path, source, "more than 500 bytes", max_bytes=500)


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-30])
    return path


def encrypted(path: Path) -> Path:
    data = bytearray(as_zip(path, tree()).read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    return path


def without(name: str) -> dict[str, bytes]:
    files = tree("train", "val", "test")
    return {file: data for file, data in files.items() if not file.startswith(f"train/{name}/")}


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: path / "missing", "does not exist"),
        (lambda path: as_folder(path, {"a.zip": b"hello"}) / "a.zip", "not a zip"),
        (lambda path: cut(as_zip(path / "a.zip", tree())), "cut short"),
        (lambda path: encrypted(path / "a.zip"), "encrypted"),
        (lambda path: as_zip(path / "a.zip", {}), "no images"),
        (lambda path: as_zip(path / "a.zip", {"fer2013.csv": b"emotion,pixels,Usage"}), "no images"),
        (lambda path: path, "no images"),
        (lambda path: as_table(path / "a.csv", []), "no images"),
        (lambda path: as_table(path / "a.csv", [(0, "1 2", "Training")]), "not 2304 pixels"),
        (lambda path: as_table(path / "a.csv", table_rows(), "emotion,pixels,usage"), "no column Usage"),
        (lambda path: as_folder(path, {"a.csv": b""}) / "a.csv", "no column Usage, emotion, pixels"),
        (lambda path: as_folder(path, {"a.csv": face(1)}) / "a.csv", "no column|line"),
        (lambda path: as_zip(path / "a.zip", without("disgust")), "train on of disgust:"),
        (lambda path: as_table(path / "a.csv", table_rows()[1:]), "train on of angry:"),
        (lambda path: as_zip(path / "a.zip", tree("test")), "train on of angry, disgust"),
    ],
)
def test_sources_that_cannot_be_imported_are_refused(tmp_path, make, problem):
    (tmp_path / "in").mkdir()
    refused(tmp_path, make(tmp_path / "in"), problem)


def test_a_class_whose_only_train_images_are_copies_of_test_is_missing(tmp_path):
    files = without("fear") | {"train/fear/1.png": face(99), "test/fear/1.png": face(99)}
    refused(tmp_path, as_zip(tmp_path / "faces.zip", files), "train on of fear:")


# Output


def test_output_is_replaced_only_if_an_import_made_it(tmp_path):
    source = as_zip(tmp_path / "faces.zip", tree("train", "val", "test"))
    out = tmp_path / "out"
    as_folder(out, {"mine.txt": b"precious"})
    with pytest.raises(UserError, match="not made by an import"):
        import_data(source, out)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]
    (out / "mine.txt").rename(out / "import.json")
    import_data(source, out)
    import_data(source, out)
    assert len(found(out)) == 21 and {path.name for path in tmp_path.iterdir()} == {"faces.zip", "out"}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_an_import_that_breaks_off_leaves_the_old_one(tmp_path, monkeypatch, error):
    source = as_zip(tmp_path / "faces.zip", tree("train", "val", "test"))
    import_data(source, tmp_path / "out")
    before = found(tmp_path / "out")

    def fail(*_):
        raise error

    monkeypatch.setattr(importer, "_settle", fail)
    with pytest.raises((KeyboardInterrupt, UserError)):
        import_data(source, tmp_path / "out")
    assert found(tmp_path / "out") == before and {path.name for path in tmp_path.iterdir()} == {
        "faces.zip",
        "out",
    }


@pytest.mark.parametrize("output", ["faces", "faces/out", "."])
def test_source_and_output_do_not_overlap(tmp_path, output):
    source = as_folder(tmp_path / "faces", tree("train", "val", "test") | {"import.json": b"{}"})
    (tmp_path / "import.json").write_text("{}")
    with pytest.raises(UserError, match="overlap"):
        import_data(source, tmp_path / output)
    assert len(found(source)) == 21


@pytest.mark.parametrize("make", [as_zip, as_folder])
def test_record(tmp_path, make):
    files = tree("train", "val", "test")
    source = make(tmp_path / "faces", files)
    record = import_data(source, tmp_path / "out", seed=5)
    assert json.loads((tmp_path / "out/import.json").read_text()) == record
    assert record["source"] == "faces" and record["seed"] == 5
    assert record["counts"]["val"] == dict.fromkeys(EMOTIONS, 1)
    assert str(tmp_path) not in json.dumps(record)
    if make is as_zip:
        assert record["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
        return
    assert import_data(source, tmp_path / "again")["sha256"] == record["sha256"]
    (source / "train/sad/more.png").write_bytes(face(99))
    assert import_data(source, tmp_path / "more")["sha256"] != record["sha256"]


def test_report_lists_but_does_not_flood(tmp_path):
    bad = {f"train/sad/bad{i:02d}.png": b"x" for i in range(MAX_LISTED + 5)}
    copy = {"test/fear/copy.png": face(0)}
    source = as_zip(tmp_path / "faces.zip", tree("train", "val", "test", each=2) | bad | copy)
    text = report(import_data(source, tmp_path / "out"))
    lines = text.splitlines()
    assert lines[0].split() == ["class", "train", "val", "test"]
    assert lines[1].split() == ["0", "angry", "1", "2", "2"]
    assert lines[8].split() == ["all", "13", "14", "15"]
    assert sum("bad" in line for line in lines) == MAX_LISTED
    assert "and 5 more in import.json" in text
    assert "test/fear/copy.png = train/angry/0.png" in text
    assert "test/fear/copy.png is fear, train/angry/0.png is angry" in text
    assert "train/angry/0.png of train" in text


# Command line


def test_command_line(tmp_path, monkeypatch, capsys):
    source = as_zip(tmp_path / "faces.zip", tree("train", each=20))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["import_data", str(source), "--seed", "3"])
    assert exit_on_user_error(main) == 0
    assert "angry" in capsys.readouterr().out
    assert json.loads(Path("data/fer2013/import.json").read_text())["seed"] == 3
    monkeypatch.setattr(sys, "argv", ["import_data", str(source), "--output", "new", "--max-bytes", "10"])
    assert exit_on_user_error(main) == 2
    errors = capsys.readouterr().err
    assert errors.startswith("emotion-edge: ") and errors.count("\n") == 1 and not Path("new").exists()


def test_run_as_module(tmp_path):
    command = [sys.executable, "-m", "train.importer", str(tmp_path / "missing.zip")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr


# The real thing


@pytest.mark.skipif(not SHARED.is_dir(), reason="the FER-2013 archive is not beside this repository")
def test_real_archive(tmp_path):
    archive, votes = SHARED / "data/fer2013.zip", SHARED / "data/ferplus_votes.csv"
    record = import_data(archive, tmp_path / "out", votes=votes)
    counts = totals(record)
    dropped = Counter(item["split"] for item in record["dropped"])
    assert counts["train"] + counts["val"] + dropped["train"] == 28_558
    assert counts["test"] == 3_579 and dropped.keys() == {"train"}
    assert record["votes"] == sum(counts.values()) and record["skipped"] == []
    assert 0.09 < counts["val"] / (counts["train"] + counts["val"]) < 0.11
    assert not shared_pixels(tmp_path / "out")
    sums = [sum(label) for label in read_rows(tmp_path / "out/labels.csv").values()]
    assert len(sums) == sum(counts.values()) and all(abs(s - 1) < 1e-9 or s == 0 for s in sums)
