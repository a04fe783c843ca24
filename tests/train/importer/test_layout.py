"""Other people's data sets: nothing gets another class or split than it has, and what is left out is named."""

import json

import pytest

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from tests.train.importer.sources import as_folder, as_zip, face, found, refused, totals, tree
from train.importer.build import import_data
from train.importer.report import report

AFFECTNET = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")
RAFDB = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
FER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def numbered(*folders: str, names: tuple[str, ...] = EMOTIONS, start: int = 0, file: str = "") -> dict[str, bytes]:
    """One image in `<folder>/<number>` for every name, in the order of a data set."""
    paths = [f"{folder}/{number}" for folder in folders for number in range(start, start + len(names))]
    return {f"{path}/{file}{i}.png".lstrip("/"): face(i) for i, path in enumerate(paths)}


def classes_of(root, files: dict[str, bytes]) -> dict[str, str]:
    """Class that each file of the source has got, by its path in the source."""
    names = {data: EMOTIONS[int(path.split("/")[1])] for path, data in found(root).items()}
    return {path: names[data] for path, data in files.items() if data in names}


@pytest.mark.parametrize(
    ("files", "remedy"),
    [
        (numbered("train_set", "val_set", names=AFFECTNET), "CLASSES=affectnet"),
        (numbered("train", "test", names=RAFDB, start=1), "CLASSES=rafdb"),
        (numbered("train_set", "val_set"), "CLASSES=emotion-edge or fer2013 or affectnet"),
        (numbered("Training", "PublicTest", "PrivateTest"), "fer2013"),
        (numbered("train", "test", file="Training_"), "fer2013"),
        (numbered("train", "test", names=(*"abcde",)), "CLASSES=0=neutral"),
        (numbered("train") | {"train/42/a.png": face(99)}, "CLASSES=0=neutral"),
        (numbered("train") | numbered("test", names=AFFECTNET), "CLASSES=affectnet"),
    ],
)
@pytest.mark.parametrize("make", [as_zip, as_folder])
def test_numbers_without_names_are_refused(tmp_path, make, files, remedy):
    with pytest.raises(UserError, match=r"numbers its classes, [01]") as caught:
        import_data(make(tmp_path / "faces", files), tmp_path / "out")
    assert remedy in caught.value.remedy and "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("classes", "names", "start"),
    [
        ("affectnet", AFFECTNET, 0),
        ("AffectNet ", AFFECTNET, 0),
        ("neutral,happy,sad,surprise,fear,disgust,anger,contempt", AFFECTNET, 0),
        ("Neutral, Happiness, Sadness, Surprise, Fear, Disgust, Anger, -", AFFECTNET, 0),
        ("rafdb", RAFDB, 1),
        ("surprise,fear,disgust,happiness,sadness,anger,neutral", RAFDB, 1),
        ("7=neutral,1=surprise,2=fear,3=disgust,4=happy,5=sad,6=angry", RAFDB, 1),
        ("fer2013", FER, 0),
        ("emotion-edge", EMOTIONS, 0),
    ],
)
def test_the_user_names_the_numbers(tmp_path, classes, names, start):
    files = numbered("train_set", "val_set", names=names, start=start)
    record = import_data(as_zip(tmp_path / "a.zip", files), tmp_path / "out", classes=classes)
    expected = {path: names[int(path.split("/")[1]) - start] for path in files}
    assert classes_of(tmp_path / "out", files) == {path: name for path, name in expected.items() if name in EMOTIONS}
    left_out = {item["folder"]: item["files"] for item in record["left_out"]}
    assert left_out == ({"train_set/7": 1, "val_set/7": 1} if len(names) == 8 else {})
    assert f"{start} {names[0]}, {start + 1} {names[1]}" in report(record)


@pytest.mark.parametrize(
    ("classes", "problem"),
    [
        ("fer2013", "names the numbers 0 to 6, and the source also has 7"),
        ("neutral,happy,sad,surprise,fear,disgust,anger", "also has 7"),
        ("0=neutral,1=happy", "also has 2, 3, 4, 5, 6, 7"),
        ("neutral,happy,sad,suprise,fear,disgust,anger,contempt", "'suprise'"),
        ("neutral,happy,sad,happy,fear,disgust,anger,contempt", "happy for two numbers"),
        ("0=neutral,0=happy", "'0=happy'"),
        ("0=neutral,happy", "'happy'"),
        ("", "''"),
        ("fer2014", "'fer2014'"),
    ],
)
def test_names_that_do_not_fit_the_numbers_are_refused(tmp_path, classes, problem):
    refused(tmp_path, as_zip(tmp_path / "a.zip", numbered("train", names=AFFECTNET)), problem, classes=classes)


def test_names_that_may_count_from_0_or_1_are_refused(tmp_path):
    files = tree("train") | {"test/3/a.png": face(99)}
    refused(tmp_path, as_zip(tmp_path / "a.zip", files), "count from 0 or 1", classes=",".join(RAFDB))


def test_names_for_a_source_without_numbers_are_refused(tmp_path):
    refused(tmp_path, as_zip(tmp_path / "a.zip", tree("train")), "no numbered classes", classes="rafdb")


@pytest.mark.parametrize("top", ["", "DATASET/"])
def test_a_list_in_the_source_names_the_numbers(tmp_path, top):
    files = numbered(f"{top}train", f"{top}test", names=FER)
    listed = {f"{top}classes.txt": "\ufeff".encode() + "\r\n".join(FER).encode()}
    record = import_data(as_zip(tmp_path / "a.zip", files | listed), tmp_path / "out")
    assert classes_of(tmp_path / "out", files) == {path: FER[int(path.split("/")[-2])] for path in files}
    assert record["skipped"] == [] and "classes.txt" in report(record)


@pytest.mark.parametrize(
    ("lists", "problem"),
    [
        ({"classes.txt": "\n".join([*EMOTIONS[:6], "bored"])}, "classes.txt names 'bored'"),
        ({"classes.txt": "angry\nangry\n"}, "'angry' and 'angry' are the same"),
        ({"classes.txt": "angry\nhappy\n"}, "classes.txt names the numbers 0 to 1"),
        ({"classes.txt": " \n"}, "classes.txt names no class"),
        ({"classes.txt": "\n".join(FER), "train/classes.txt": "\n".join(EMOTIONS)}, "each in another order"),
    ],
)
def test_lists_that_do_not_fit_are_refused(tmp_path, lists, problem):
    files = numbered("train") | {name: text.encode() for name, text in lists.items()}
    refused(tmp_path, as_zip(tmp_path / "a.zip", files), problem)


@pytest.mark.parametrize("folders", [("train", "val", "test"), ("Train", "Test"), ("",), ("fer/train", "fer/test")])
def test_numbers_of_the_documented_layout_are_assumed_and_reported(tmp_path, folders):
    files = numbered(*folders)
    source = as_zip(tmp_path / "a.zip", {f"{path}.png": face(i + 50) for path in files for i in range(3)} | files)
    record = import_data(source, tmp_path / "out")
    assert classes_of(tmp_path / "out", files) == {path: EMOTIONS[int(path.split("/")[-2])] for path in files}
    assert "4 neutral, 5 sad, 6 surprise (assumed" in report(record)


def test_the_output_of_an_import_can_be_imported(tmp_path):
    files = {f"{name}/Training_{name}{i}.png": face(10 * FER.index(name) + i) for name in FER for i in range(3)}
    import_data(as_zip(tmp_path / "a.zip", files), tmp_path / "out")
    record = import_data(tmp_path / "out", tmp_path / "again")
    assert classes_of(tmp_path / "again", files) == classes_of(tmp_path / "out", files)
    assert "(classes.txt)" in report(record)


@pytest.mark.parametrize("text", ["", "{", '{"counts": {"train": [1]}}', '{"counts": 3}', "[" * 100_000])
def test_a_record_of_something_else_says_nothing(tmp_path, text):
    files = numbered("train", names=AFFECTNET) | {"import.json": text.encode()}
    refused(tmp_path, as_zip(tmp_path / "a.zip", files), "numbers its classes")


def test_a_number_beside_names_is_left_out(tmp_path):
    files = tree("train", "test") | {"test/3/a.png": face(99), "angry/2/a.png": face(98), "1/2/3/a.png": face(97)}
    files["classes.txt"] = b"person\nface\n"
    record = import_data(as_zip(tmp_path / "a.zip", files), tmp_path / "out")
    assert {item["folder"]: item["reason"] for item in record["left_out"]} == {
        "test/3": "its folder is a number, other classes have names",
        "1": "in several numbered folders, 1, 2, 3",
    }
    assert face(98) in found(tmp_path / "out").values()


@pytest.mark.parametrize(
    ("path", "emotion"),
    [("train/6/12/a.png", 6), ("train/12/6/a.png", 6), ("train/1/2/a.png", None), ("train/12/13/a.png", None)],
)
def test_numbered_people(tmp_path, path, emotion):
    files = numbered("train") | {path: face(99)}
    record = import_data(as_zip(tmp_path / "a.zip", files), tmp_path / "out", classes="emotion-edge")
    classes = [int(name.split("/")[1]) for name, data in found(tmp_path / "out").items() if data == face(99)]
    assert classes == ([] if emotion is None else [emotion])
    assert len(record["skipped"]) == (emotion is None)


# Names


def renamed(old: str, new: str) -> dict[str, bytes]:
    return {name.replace(old, new): data for name, data in tree("train", "val", "test").items()}


@pytest.mark.parametrize("name", ["Suprise", "surprise ", "6_surprise", "Surprised"])
def test_other_spellings_are_read(tmp_path, name):
    record = import_data(as_zip(tmp_path / "a.zip", renamed("surprise", name)), tmp_path / "out")
    assert totals(record) == {"train": 7, "val": 7, "test": 7} and record["left_out"] == []
    assert record["notes"] == (["'Suprise' read as surprise: 3 files"] if name == "Suprise" else [])


def test_a_misspelled_folder_beside_the_right_one_is_left_out(tmp_path):
    files = tree("train", "val", "test") | {"train/angel/1.png": face(90), "train/angel/2.png": face(91)}
    record = import_data(as_zip(tmp_path / "a.zip", files), tmp_path / "out")
    assert record["left_out"] == [
        {"folder": "train/angel", "files": 2, "reason": "similar to angry, which has a folder beside it"}
    ]


def test_folders_left_out_are_named_and_counted(tmp_path):
    files = tree("train", "val", "test") | {
        "train/contempt/1.png": face(90),
        "train/contempt/p2/2.png": face(91),
        "test/happily surprised/3.png": face(92),
        "train/happy/neutral/4.png": face(93),
        "docs/readme.md": b"#",
        "train/more.zip": b"PK",
        "notes.txt": b"-",
    }
    record = import_data(as_zip(tmp_path / "a.zip", files), tmp_path / "out")
    assert record["left_out"] == [
        {"folder": "docs", "files": 1, "reason": "not in the folder of a class"},
        {"folder": "test/happily surprised", "files": 1, "reason": "not in the folder of a class"},
        {"folder": "train/contempt", "files": 2, "reason": "contempt is none of the 7 classes"},
        {"folder": "train/happy/neutral", "files": 1, "reason": "in folders of several classes, happy, neutral"},
    ]
    text = report(record)
    assert "  train/contempt, 2 files: contempt is none of the 7 classes" in text
    assert "train/more.zip: an archive inside" in text and "notes.txt: not in" in text


def test_a_missing_class_is_told_with_what_was_left_out(tmp_path):
    files = renamed("neutral", "contempt")
    refused(tmp_path, as_zip(tmp_path / "a.zip", files), "train on of neutral; left out: .*contempt")


# Splits


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (("train_set", "val_set", "test_set"), ["train", "val", "test"]),
        (("Training Set", "Validation", "Testing"), ["train", "val", "test"]),
        (("Train", "Val", "Eval"), ["train", "val", "test"]),
        (("Train", "Eval", "Test"), ["train", "val", "test"]),
        (("Training", "PublicTest", "PrivateTest"), ["train", "val", "test"]),
        (("train", "Eval"), ["train", "test"]),
        (("train", "dev"), ["train", "test"]),
    ],
)
@pytest.mark.parametrize("top", ["", "FER 2013/"])
def test_splits_by_other_names(tmp_path, top, folders, expected):
    files = tree(*(top + folder for folder in folders), each=2)
    record = import_data(as_zip(tmp_path / "a.zip", files), tmp_path / "out")
    where = {data: name.split("/")[0] for name, data in found(tmp_path / "out").items()}
    for folder, split in zip(folders[1:], expected[1:], strict=True):
        assert {where[data] for name, data in files.items() if name.startswith(top + folder)} == {split}
    notes = [f"'Eval' read as {expected[folders.index('Eval')]}: 14 files"] if "Eval" in folders else []
    assert record["left_out"] == [] and record["notes"] == notes


@pytest.mark.parametrize(
    ("folders", "problem"),
    [
        (("train", "val_and_test"), "which split 'val_and_test' is"),
        (("train", "mytestfolder"), "which split 'mytestfolder' is"),
        (("faces/old_train", "faces/new_train"), "which split 'new_train', 'old_train' is"),
        (("train", "val", "test", "Eval"), "validation, test and evaluation"),
    ],
)
def test_splits_that_are_not_clear_are_refused(tmp_path, folders, problem):
    refused(tmp_path, as_zip(tmp_path / "a.zip", tree(*folders)), problem)


def test_a_folder_beside_the_splits_is_left_out(tmp_path):
    files = tree("fer/train", "fer/test", "fer/extra")
    record = import_data(as_zip(tmp_path / "a.zip", files), tmp_path / "out")
    assert record["left_out"] == [{"folder": "fer/extra", "files": 7, "reason": "in no folder of a split"}]
    assert sum(totals(record).values()) == 14


def test_class_folders_beside_the_splits_are_reported(tmp_path):
    files = tree("fer/train", "fer/test", each=2) | {"fer/sad/1.png": face(99)}
    record = import_data(as_zip(tmp_path / "a.zip", files), tmp_path / "out")
    assert record["notes"] == ["in no split, taken for train: 1 file"]


def test_folders_that_name_no_split_are_reported(tmp_path):
    record = import_data(as_zip(tmp_path / "a.zip", tree("a/one", "a/two", each=2)), tmp_path / "out")
    assert record["notes"] == [f"{name!r} names no split, taken for train: 14 files" for name in ("one", "two")]


def test_hidden_files_are_counted(tmp_path):
    files = tree("train", "val", "test") | {"train/sad/._1.png": face(90), "__MACOSX/train/sad/._1.png": b"-"}
    record = import_data(as_zip(tmp_path / "a.zip", files), tmp_path / "out")
    assert record["notes"] == ["hidden files left out: 2"] and record["skipped"] == []
    assert json.loads((tmp_path / "out/import.json").read_text())["notes"] == record["notes"]
