"""Names of class folders and splits as people write them."""

import pytest

from train.importer.names import ClassName, is_like_a_split, read_class, read_number, read_split


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("angry", "angry"), ("ANGER", "angry"), ("angry ", "angry"), (" sadness\t", "sad"), ("Joy", "happy"),
        ("0_angry", "angry"), ("06-surprised", "surprise"), ("3 Happy Faces", "happy"), ("fear2", "fear"),
        ("happyImages", "happy"), ("class_4_neutral", "neutral"), ("disgust\u00a0", "disgust"),
        ("contempt", "contempt"), ("7_Contempt", "contempt"),
    ],
)  # fmt: skip
def test_exact_class_names(folder, name):
    assert read_class(folder) == ClassName(name)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("Suprise", "surprise"), ("surprize", "surprise"), ("netural", "neutral"), ("disgustt", "disgust"),
        ("Hapy", "happy"), ("0_agry", "angry"), ("sadnes", "sad"), ("fearfull", "fear"), ("contemp", "contempt"),
    ],
)  # fmt: skip
def test_misspelled_class_names(folder, name):
    assert read_class(folder) == ClassName(name, exact=False)


@pytest.mark.parametrize(
    "folder",
    [
        "", "-", "7", "sand", "mad", "year", "boy", "danger", "manger", "calm", "suprize", "people", "not_angry",
        "happily surprised", "happy_surprise", "angry-disgusted", "faces", "scar",
    ],
)  # fmt: skip
def test_other_names_are_no_class(folder):
    assert read_class(folder) is None


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("train", "train"), ("TRAIN", "train"), ("Training Set", "train"), ("training_set", "train"),
        ("trainset", "train"), ("TrainData", "train"), ("train2017", "train"), ("fer2013_train", "train"),
        ("Training", "train"), ("val_set", "val"), ("Valid", "val"), ("validation-images", "val"), ("dev", "val"),
        ("PublicTest", "val"), ("publictest", "val"), ("PrivateTest", "test"), ("test_set", "test"),
        (" Test ", "test"), ("testing", "test"), ("Eval", "held out"), ("evaluation set", "held out"),
        ("held_out", "held out"),
    ],
)  # fmt: skip
def test_split_names(folder, split):
    assert read_split(folder) == split


@pytest.mark.parametrize("folder", ["train_val", "mytestfolder", "pretrained", "not test", "my_dev", "old val", "Held"])
def test_names_that_only_look_like_a_split(folder):
    assert read_split(folder) is None and is_like_a_split(folder)


@pytest.mark.parametrize("folder", ["images", "Valerie", "Devon", "S005", "angry", "archive", "set2"])
def test_names_that_do_not_look_like_a_split(folder):
    assert read_split(folder) is None and not is_like_a_split(folder)


@pytest.mark.parametrize(
    ("folder", "number"), [("0", 0), ("07", 7), (" 3 ", 3), ("2013", None), ("S1", None), ("-1", None), ("²", None)]
)
def test_numbers(folder, number):
    assert read_number(folder) == number
