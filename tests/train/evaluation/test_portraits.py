"""Portraits of one colour each, and a recognizer that knows the colours."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError, exit_on_user_error
from edge.faces.baseline import NEUTRAL
from edge.faces.results import FaceResult
from edge.model.bundle import load_bundle
from train.evaluation import __main__ as command
from train.evaluation.portraits.answers import HAPPY, Answers, answer, edge_recognizer
from train.evaluation.portraits.figures import MIN_PEOPLE, Figures, Group, one_false_alarm, roc_area, shares, summarize
from train.evaluation.portraits.folder import read_people
from train.evaluation.portraits.report import NOT_MEASURED, SECTION, as_dict, as_text, card_section, with_section

ROOT = Path(__file__).parents[3]
NO_FACE = 0
SURE = 240
"""Level of a picture whose face is surely happy."""


def recognize(image: np.ndarray) -> FaceResult | None:
    """Find a face in every picture that is not black, happy by its level of grey and neutral else."""
    level = int(image[0, 0, 0])
    if level == NO_FACE:
        return None
    probabilities = np.zeros(len(EMOTIONS), np.float32)
    probabilities[HAPPY], probabilities[NEUTRAL] = level / 255, 1 - level / 255
    return FaceResult(1, (0, 0, 8, 8), 0.9, EMOTIONS, probabilities, int(probabilities.argmax()))


def write_portraits(folder: Path, rows: list[tuple[str, str, str, str]], levels: dict[str, tuple[int, int]]) -> Path:
    """Write people (id, age, gender, ethnicity), and their pictures by level, neutral and smiling."""
    for i, pose in enumerate(("neutral", "smiling")):
        (folder / pose).mkdir(parents=True)
        for id_, pair in levels.items():
            cv2.imwrite(str(folder / pose / f"{id_}.png"), np.full((8, 8, 3), pair[i], np.uint8))
    lines = ["id,age,gender,ethnicity", *map(",".join, rows)]
    (folder / "people.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def portraits(tmp_path) -> Path:
    """Ten women with broad smiles; eight men, half of whom smile slightly; a person who gave nothing."""
    women = {f"w{i}": (10 + i, SURE) for i in range(10)}
    men = {f"m{i}": (1 + i, SURE if i % 2 else 80) for i in range(8)}
    rows = [(id_, "22", "female", "white") for id_ in women] + [(id_, "40", "male", "black") for id_ in men]
    return write_portraits(tmp_path / "p", [*rows, ("x", "NA", "", "white")], women | men | {"x": (5, SURE)})


def summary(folder: Path) -> Figures:
    people = read_people(folder)
    return summarize(people, answer(people, recognize))


def named(figures: Figures) -> dict[str, Group]:
    return {f"{group.attribute} {group.name}": group for group in figures.groups}


def values(group: Group) -> dict[str, float]:
    return {name: figure.value for name, figure in group.figures.items()}


def test_groups_are_those_that_people_gave(portraits):
    assert {name: group.people for name, group in named(summary(portraits)).items()} == {
        "all everybody": 19,
        **{"gender female": 10, "gender male": 8, "gender not given": 1},
        **{"age under 25": 10, "age 35 to 49": 8, "age not given": 1},
        **{"ethnicity black": 8, "ethnicity white": 11},
    }


def test_slight_smiles_are_missed_by_the_label_and_found_by_the_score(portraits):
    men = values(named(summary(portraits))["gender male"])
    assert men["neutral_recall"] == 1
    assert men["happy_recall"] == 0.5
    assert men["roc_area"] == men["smiles_found"] == men["above_own_neutral"] == 1


def test_with_the_own_neutral_face_as_baseline_slight_smiles_are_happy(portraits):
    men = values(named(summary(portraits))["gender male"])
    assert men["neutral_recall_with_baseline"] == 1
    assert men["happy_recall_with_baseline"] > men["happy_recall"]


def test_intervals_are_about_the_value_and_the_same_each_time(portraits):
    figures = summary(portraits)
    men = named(figures)["gender male"].figures["happy_recall"]
    assert 0 <= men.low < men.value < men.high <= 1
    assert figures == summary(portraits)


def test_small_groups_are_told_without_figures(portraits):
    group = named(summary(portraits))["gender not given"]
    assert (group.people, group.figures) == (1, {})
    assert f"gender not given, 1 people: too few for figures (fewer than {MIN_PEOPLE}" in as_text(
        "", summary(portraits)
    )


def test_a_face_that_is_not_found_is_not_recognized(portraits):
    for pose in ("neutral", "smiling"):
        cv2.imwrite(str(portraits / pose / "w0.png"), np.zeros((8, 8, 3), np.uint8))
    women = values(named(summary(portraits))["gender female"])
    assert women["found"] == women["neutral_recall"] == women["happy_recall"] == women["smiles_found"] == 0.9
    assert women["roc_area"] == women["above_own_neutral"] == 1


def test_a_group_with_too_few_faces_found_has_no_figures(portraits):
    cv2.imwrite(str(portraits / "smiling" / "m0.png"), np.zeros((8, 8, 3), np.uint8))
    assert named(summary(portraits))["gender male"].figures == {}


@pytest.mark.parametrize(
    ("neutral", "smiling", "area"),
    [
        pytest.param([0, 1], [2, 3], 1.0, id="apart"),
        pytest.param([2, 3], [0, 1], 0.0, id="the wrong way round"),
        pytest.param([1, 1], [1, 1], 0.5, id="ties count half"),
        pytest.param([0, 2], [1, 3], 0.75, id="overlapping"),
    ],
)
def test_area_under_the_roc(neutral, smiling, area):
    assert roc_area(np.array(neutral, float), np.array(smiling, float)) == area


def test_one_neutral_picture_lies_above_the_threshold():
    scores = np.array([[-5, -1, np.nan, -3], [-4, -2, -2, -3]])
    answers = Answers(np.zeros((2, 4), int), scores, np.zeros((2, 4), int))
    assert one_false_alarm(answers) == -3
    assert shares(answers, -3)["smiles_found"] == 0.5


def change(portraits: Path, old: str, new: str) -> None:
    table = portraits / "people.csv"
    table.write_text(table.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(lambda p: (p / "people.csv").unlink(), "people.csv: the file is missing", id="no table"),
        pytest.param(lambda p: change(p, "gender", "sex"), "column 'gender' is missing", id="no column"),
        pytest.param(
            lambda p: (p / "people.csv").write_text("id,age,gender,ethnicity\n"), "it has no rows", id="empty"
        ),
        pytest.param(lambda p: (p / "people.csv").write_bytes(b"\xff\xfe\x00"), "cannot be read", id="not text"),
        pytest.param(lambda p: change(p, "w1,", ","), "row 2 has no id", id="no id"),
        pytest.param(lambda p: change(p, "w1,", "w0,"), "w0 is in it twice", id="twice"),
        pytest.param(lambda p: change(p, "w1,22", "w1,young"), "'young' is not an age in years", id="no age"),
        pytest.param(lambda p: change(p, "w1,22,female,white\n", ""), "w1.png: people.csv names no such", id="unknown"),
        pytest.param(lambda p: (p / "smiling" / "w1.png").unlink(), "smiling: no picture of w1", id="no picture"),
        pytest.param(lambda p: shutil.rmtree(p / "smiling"), "smiling: no such folder", id="no pose"),
        pytest.param(lambda p: shutil.copy(p / "smiling/w1.png", p / "smiling/w1.jpg"), "a second picture", id="two"),
        pytest.param(lambda p: (p / "smiling" / "w1.png").write_bytes(b"no"), "w1.png: ", id="no image"),
    ],
)
def test_what_a_user_can_put_right_is_named(damage, message, portraits):
    damage(portraits)
    with pytest.raises(UserError) as error:
        summary(portraits)
    assert message in error.value.problem
    assert error.value.remedy


def test_pictures_without_any_face_are_refused(tmp_path):
    folder = write_portraits(tmp_path / "p", [("a", "22", "", "")], {"a": (10, NO_FACE)})
    with pytest.raises(UserError, match="smiling: no face is found in any picture"):
        summary(folder)


@pytest.fixture
def shipped(tmp_path) -> Path:
    """A copy of a bundle in git, whose card is not measured on portraits."""
    folder = shutil.copytree(ROOT / "models" / "nano", tmp_path / "nano")
    card = folder / "MODEL_CARD.md"
    card.write_text(with_section(card.read_text(), NOT_MEASURED))
    return folder


@pytest.fixture
def call(monkeypatch, capsys):
    """`call(options)` runs the command with the fake recognizer; returns status, stdout and stderr."""

    def run(*options: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["evaluation", *map(str, options)])
        monkeypatch.setattr(command, "edge_recognizer", lambda bundle: recognize)
        status = exit_on_user_error(command.main)
        return status, *capsys.readouterr()

    return run


def test_the_command_writes_text_and_json(portraits, shipped, tmp_path, call):
    card = (shipped / "MODEL_CARD.md").read_text()
    status, out, _ = call("--model", shipped, "--portraits", portraits, "--output", tmp_path / "out")
    record = json.loads((tmp_path / "out" / "portraits.json").read_text())
    assert status == 0
    assert "gender male, 8 people\n    faces found" in out
    assert record == json.loads(json.dumps(as_dict(summary(portraits), load_bundle(shipped).identity)))
    assert record["groups"][0]["figures"]["happy_recall"]["value"] == pytest.approx(15 / 19, abs=1e-6)
    assert (shipped / "MODEL_CARD.md").read_text() == card, "the card is written where that is asked for"


def test_the_card_gets_the_figures_in_place_of_what_was_there(portraits, shipped, tmp_path, call):
    card, options = shipped / "MODEL_CARD.md", ("--portraits", portraits, "--output", tmp_path / "out", "--card")
    before = card.read_text()
    for _ in range(2):
        assert call("--model", shipped, *options)[0] == 0
    section = card_section(summary(portraits), load_bundle(shipped).identity)
    assert "| gender male (8) | 100% |" in section
    assert card.read_text() == before.replace(NOT_MEASURED, section)


def test_a_section_at_the_end_of_a_card_is_replaced():
    assert with_section(f"# a\n\n{NOT_MEASURED}", f"{SECTION}\n\nnew\n") == f"# a\n\n{SECTION}\n\nnew\n"


def test_a_card_without_the_section_is_refused(portraits, shipped, tmp_path, call):
    (shipped / "MODEL_CARD.md").unlink()
    options = ("--portraits", portraits, "--output", tmp_path / "out", "--card")
    status, _, err = call("--model", shipped, *options)
    assert status == 2
    assert "the model card has no section" in err


def test_what_is_no_bundle_is_refused(portraits, shipped, call):
    (shipped / "manifest.json").unlink()
    status, _, err = call("--model", shipped, "--portraits", portraits)
    assert status == 2
    assert "no model bundle here" in err


def test_a_bundle_of_other_classes_is_refused(shipped):
    manifest = json.loads((shipped / "manifest.json").read_text())
    classes = [f"sign {i}" for i in range(len(EMOTIONS))]
    (shipped / "manifest.json").write_text(json.dumps(manifest | {"classes": classes}))
    with pytest.raises(UserError, match=r"the classes are sign 0, sign 1, .*: name a bundle of the emotions"):
        edge_recognizer(shipped)


def test_the_edge_itself_answers(tmp_path):
    recognizer = edge_recognizer(ROOT / "models" / "nano")
    assert recognizer(np.full((64, 64, 3), 90, np.uint8)) is None
