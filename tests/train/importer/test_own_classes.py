"""Folders with names of their own are the classes; FER-2013 stays what it is."""

import pytest

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from tests.train.importer.sources import as_folder, as_zip, face, found, refused, totals, tree
from train.importer.build import import_data
from train.importer.report import report


def own(*folders: str, each: int = 4, start: int = 0) -> dict[str, bytes]:
    """`each` different images in every folder."""
    names = [folder for folder in folders for _ in range(each)]
    return {f"{folder}/{start + i}.png": face(start + i) for i, folder in enumerate(names)}


def names_in(root) -> list[str]:
    return (root / "classes.txt").read_text().splitlines()


@pytest.mark.parametrize("make", [as_zip, as_folder])
@pytest.mark.parametrize("top", ["", "photos/"])
def test_classes_are_named_after_the_folders(tmp_path, make, top):
    files = own(f"{top}smiling", f"{top}not smiling", each=20) | {f"{top}notes.txt": b"-"}
    record = import_data(make(tmp_path / "source", files), tmp_path / "out")
    assert names_in(tmp_path / "out") == ["not smiling", "smiling"]
    assert record["counts"]["train"] == {"not smiling": 16, "smiling": 16}
    assert totals(record) == {"train": 32, "val": 4, "test": 4}
    assert "classes named after the folders: not smiling, smiling" in report(record)
    pictures = {data: int(path.split("/")[1]) for path, data in found(tmp_path / "out").items()}
    assert all(pictures[data] == ("not smiling" not in path) for path, data in files.items() if data != b"-")


def test_splits_may_stand_around_the_classes_or_in_them(tmp_path):
    around = own("train/a", "train/b", "test/a", "test/b")
    inside = own("a/train", "b/train", "a/test", "b/test")
    for name, files in (("around", around), ("inside", inside)):
        record = import_data(as_folder(tmp_path / name, files), tmp_path / f"{name} out")
        assert names_in(tmp_path / f"{name} out") == ["a", "b"]
        assert record["counts"]["test"] == {"a": 4, "b": 4}


def test_people_in_the_classes_are_no_classes(tmp_path):
    files = own("data/glasses/S001", "data/glasses/S002", "data/no glasses/S001")
    import_data(as_zip(tmp_path / "a.zip", files), tmp_path / "out")
    assert names_in(tmp_path / "out") == ["glasses", "no glasses"]


def test_some_emotions_are_classes_of_ones_own(tmp_path):
    files = own("train/happy", "train/neutral", "test/happy", "test/neutral")
    import_data(as_zip(tmp_path / "a.zip", files), tmp_path / "out")
    assert names_in(tmp_path / "out") == ["happy", "neutral"]


def test_most_emotions_are_taken_for_all_of_them_unless_the_user_says_otherwise(tmp_path):
    files = {name: data for name, data in tree("train", "test", each=4).items() if "disgust" not in name}
    source = as_zip(tmp_path / "a.zip", files)
    refused(tmp_path, source, "no images to train on of disgust")
    import_data(source, tmp_path / "out", classes="happy,angry,neutral,sad")
    assert names_in(tmp_path / "out") == ["happy", "angry", "neutral", "sad"]
    assert len(found(tmp_path / "out")) == 32


def test_the_emotions_are_what_they_were(tmp_path):
    record = import_data(as_zip(tmp_path / "a.zip", tree("train", "val", "test")), tmp_path / "out")
    assert names_in(tmp_path / "out") == list(EMOTIONS)
    assert record["notes"] == []


def test_numbers_with_names_of_their_own(tmp_path):
    files = own("train/0", "train/1", "test/0", "test/1")
    named = files | {"classes.txt": b"smiling\nnot smiling\n"}
    import_data(as_zip(tmp_path / "a.zip", named), tmp_path / "hinted")
    import_data(as_zip(tmp_path / "b.zip", files), tmp_path / "told", classes="smiling,not smiling")
    assert names_in(tmp_path / "hinted") == names_in(tmp_path / "told") == ["smiling", "not smiling"]
    again = import_data(tmp_path / "hinted", tmp_path / "again")
    assert again["counts"]["test"] == {"smiling": 4, "not smiling": 4}


@pytest.mark.parametrize(
    ("folders", "classes", "message"),
    [
        pytest.param(["smiling"], None, "1 classes, not 2 to 50", id="one class"),
        pytest.param([f"s{i:03}" for i in range(51)], None, "51 classes, not 2 to 50", id="too many"),
        pytest.param(["lachend", "fröhlich"], None, "'fröhlich' is not 1 to 32 letters", id="letters"),
        pytest.param(["a b", "a_b"], None, "are the same", id="one name twice"),
        pytest.param(["a", "unsure"], None, "'unsure' stands for a face without a label", id="reserved"),
        pytest.param(["a", "b"], "a,c", "has no folder 'c' with pictures: it has a, b", id="missing folder"),
        pytest.param(["a", "b_and_test"], None, "which split 'b_and_test' is", id="unclear split"),
    ],
)
def test_what_cannot_be_classes_is_refused(tmp_path, folders, classes, message):
    with pytest.raises(UserError, match=message):
        import_data(as_folder(tmp_path / "source", own(*folders)), tmp_path / "out", classes=classes)
    assert not (tmp_path / "out").exists()


def test_votes_are_for_the_emotions_alone(tmp_path):
    votes = tmp_path / "votes.csv"
    votes.write_text(
        "file,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF\na,1,0,0,0,0,0,0,0,0,0\n"
    )
    with pytest.raises(UserError, match="its own classes, which FER\\+ votes do not fit"):
        import_data(as_folder(tmp_path / "source", own("a", "b")), tmp_path / "out", votes)
