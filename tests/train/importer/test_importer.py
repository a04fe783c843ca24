"""Importing downloads into the dataset layout: every rule of the importer on images of a few pixels."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError, exit_on_user_error
from tests.train.importer.sources import (
    as_folder,
    as_table,
    as_zip,
    face,
    found,
    read_rows,
    refused,
    table_rows,
    totals,
    tree,
)
from train.importer import build as importer
from train.importer.__main__ import main
from train.importer.build import import_data
from train.importer.report import MAX_LISTED, report

try:
    import resource
except ImportError:  # Windows
    resource = None

SHARED = Path(__file__).parents[3].parent / "shared"
ROOT = Path(__file__).parents[3]


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
        ("angry", 0), ("Anger", 0), ("disgusted", 1), ("DISGUST", 1), ("fearful", 2), ("Fear", 2),
        ("happiness", 3), ("Neutral", 4), ("sadness", 5), ("surprised", 6), ("SURPRISE", 6),
        ("angry/1", 0), ("sad/person", 5), ("1/sad", 5), ("./happy", 3),
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


def test_folders_and_files_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    source = as_folder(tmp_path / "faces", tree("train", "val", "test"))
    (source / "train/locked").mkdir()
    os.mkfifo(source / "train/sad/pipe.png")
    listed = os.scandir

    def scandir(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    record = import_data(source, tmp_path / "out")
    assert {item["file"]: item["reason"] for item in record["skipped"]} == {
        "train/locked": "cannot be read (Permission denied)",
        "train/sad/pipe.png": "not a regular file",
    }


def test_names_that_are_not_utf8_are_skipped(tmp_path):
    source = as_folder(tmp_path / "faces", tree("train", "val", "test"))
    Path(os.fsdecode(bytes(source / "train/sad/") + b"/gr\xfcn.png")).write_bytes(face(99))
    record = import_data(source, tmp_path / "out")
    assert record["skipped"] == [{"file": "train/sad/gr\\udcfcn.png", "reason": "its name is not UTF-8"}]


def test_folder_links_are_followed_once(tmp_path):
    source = as_folder(tmp_path / "faces", tree("train", "val", "test"))
    as_folder(tmp_path / "elsewhere", {"linked.png": face(99)})
    (source / "train" / "sadness").symlink_to(tmp_path / "elsewhere")
    (source / "train" / "ring").symlink_to(source)
    (source / "train" / "sad" / "gone.png").symlink_to(tmp_path / "nowhere")
    record = import_data(source, tmp_path / "out")
    assert totals(record) == {"train": 8, "val": 7, "test": 7}
    assert [item["file"] for item in record["skipped"]] == ["train/sad/gone.png"]


# Refusals


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-30])
    return path


def without(name: str) -> dict[str, bytes]:
    files = tree("train", "val", "test")
    return {file: data for file, data in files.items() if not file.startswith(f"train/{name}/")}


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: path / "missing", "does not exist"),
        (lambda path: os.mkfifo(path / "pipe") or path / "pipe", "neither a file nor a folder"),
        (lambda path: as_folder(path, {"a.zip": b"hello"}) / "a.zip", "not a zip"),
        (lambda path: cut(as_zip(path / "a.zip", tree())), "cut short"),
        (lambda path: as_zip(path / "a.zip", {}), "no images"),
        (lambda path: as_zip(path / "a.zip", {"fer2013.csv": b"emotion,pixels,Usage"}), "no images"),
        (lambda path: path, "no images"),
        (lambda path: as_table(path / "a.csv", []), "no images"),
        (lambda path: as_table(path / "a.csv", [(0, "1 2", "Training")]), "not 2304 pixels"),
        (lambda path: as_folder(path, {"a.csv": b""}) / "a.csv", "line 1: no column emotion"),
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

    monkeypatch.setattr(importer, "describe", fail)
    with pytest.raises((KeyboardInterrupt, UserError)):
        import_data(source, tmp_path / "out")
    assert found(tmp_path / "out") == before and {path.name for path in tmp_path.iterdir()} == {
        "faces.zip",
        "out",
    }


def test_a_link_to_itself_is_neither_source_nor_output(tmp_path):
    source = as_folder(tmp_path / "faces", tree("train", "val", "test"))
    (tmp_path / "loop").symlink_to("loop")
    for paths in ((source, tmp_path / "loop"), (tmp_path / "loop", tmp_path / "out")):
        with pytest.raises(UserError, match="loop: a link that leads to itself"):
            import_data(*paths)


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


def test_names_do_not_reach_a_terminal_raw(tmp_path):
    files = tree("train", "val", "test") | {"red\x1b[31m/a\nb.png": face(90), "train/sad/\x07.png": b"x"}
    text = report(import_data(as_zip(tmp_path / "a.zip", files), tmp_path / "out"))
    assert "red\\x1b[31m" in text and "train/sad/\\x07.png" in text
    assert all(line.isprintable() for line in text.splitlines())


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
    files = {f"set_a/{number}/{i}.png": face(10 * number + i) for number in range(7) for i in range(3)}
    as_folder(tmp_path / "numbered", files)
    monkeypatch.setattr(sys, "argv", ["import_data", "numbered", "--output", "new", "--classes", "fer2013"])
    assert exit_on_user_error(main) == 0
    assert "numbers: 0 angry, 1 disgust, 2 fear, 3 happy, 4 sad" in capsys.readouterr().out


def test_run_as_module(tmp_path):
    command = [sys.executable, "-m", "train.importer", str(tmp_path / "missing.zip")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "Traceback" not in done.stderr


@pytest.mark.skipif(resource is None, reason="no limits here")
def test_a_disk_without_room_is_one_line_and_no_folder(tmp_path):
    source = as_folder(tmp_path / "faces", tree("train", "val", "test"))
    command = [sys.executable, "-m", "train.importer", str(source), "--output", str(tmp_path / "out")]

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, preexec_fn=limit)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert f"{tmp_path / 'out'}" in done.stderr and "File too large" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


# The real thing


@pytest.mark.slow
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
