import pytest

from edge.base.classes import EMOTIONS
from export.card import model_card
from export.figures import RELIABILITY, RISK_COVERAGE, ROBUSTNESS
from tests.export import examples


def card(measured=None, **options) -> str:
    measured = measured or examples.measured()
    return model_card(examples.manifest(measured, **options), measured)


def rows(text: str, first: str) -> list[list[str]]:
    """The tables' rows that begin with a cell."""
    lines = [[cell.strip() for cell in line.strip("| ").split("|")] for line in text.splitlines() if line[:1] == "|"]
    return [line for line in lines if line[0] == first]


def test_every_field_is_filled_and_every_picture_is_there():
    text = card()
    assert "{" not in text and "nan" not in text
    for picture in (RELIABILITY, RISK_COVERAGE, ROBUSTNESS):
        assert f"]({picture})" in text


def test_what_a_run_went_on_from_and_who_taught_it_is_told():
    assert "30 epochs on top of weights of ImageNet" in card()
    assert "Of each label" not in card() and "logit adjustment of" not in card()
    measured = examples.measured()
    manifest = examples.manifest(measured)
    manifest["training"]["weights"] = "first"
    manifest["training"]["config"] |= {"teachers": ["runs/first"], "teacher_share": 0.5}
    text = model_card(manifest | {"logit_adjustment": 0.45}, measured)
    assert "30 epochs on top of what `first` had learnt" in text
    assert "Of each label, 50% is what `runs/first` answered." in text
    assert "So is a logit adjustment of 0.45" in text


def test_the_classes_are_compared_between_variants():
    measured = examples.measured()
    float32, int8 = (m.scores["ferplus"] for m in measured.values())
    happy = rows(card(measured), "happy")[0]
    expected = [float32.recall[3], int8.recall[3], int8.precision[3], int8.f1[3]]
    assert happy == ["happy", str(int8.support[3]), *(f"{value:.1%}" for value in expected)]


def test_the_thresholds_say_what_silence_buys():
    measured = examples.measured()
    for threshold in (0.35, 0.7):
        at = [a for m in measured.values() for a in m.risk_coverage if a.threshold == threshold]
        (row,) = rows(card(measured), f"{threshold:g}")
        assert row[1:] == [cell for a in at for cell in (f"{a.coverage:.1%}", f"{a.accuracy:.1%}")]


def test_the_curves_are_tables():
    measured = examples.with_curve(examples.measured(), "jpeg", [(100, 0.8), (10, 0.625)])
    text = card(measured)
    assert rows(text, "JPEG quality (100: as it is)") == [["JPEG quality (100: as it is)", "100", "10"]]
    assert ["float32", "80.0%", "62.5%"] in rows(text, "float32")


@pytest.mark.parametrize(
    ("name", "curve", "sentence"),
    [
        pytest.param(
            "face_size",
            [(48, 0.8), (24, 0.75), (16, 0.69), (8, 0.3)],
            "At 16 pixels of face or fewer, accuracy falls by more than 10 points: 69% instead of 80%.",
            id="falls from a grade on",
        ),
        pytest.param(
            "rotation",
            [(0, 0.8), (10, 0.65), (20, 0.75), (30, 0.6)],
            "Turned in the plane by 30° or more, accuracy falls by more than 10 points: 60% instead of 80%.",
            id="for good",
        ),
        pytest.param(
            "mouth",
            [(0, 0.8), (0.1, 0.6)],
            "With a band of 10% of the height or more across the mouth, accuracy falls by more than 10 points: "
            "60% instead of 80%.",
            id="at once",
        ),
        pytest.param(
            "jpeg",
            [(100, 0.8), (10, 0.71)],
            "Even at JPEG quality 10, accuracy is 71% instead of 80%.",
            id="never",
        ),
    ],
)
def test_limits_follow_from_the_curves(name, curve, sentence):
    assert f"- {sentence}\n" in card(examples.with_curve(examples.measured(), name, curve))


def test_the_weakest_class_is_named():
    measured = examples.measured()
    scores = measured["int8"].scores["ferplus"]
    weakest = min(range(7), key=lambda i: scores.recall[i])
    assert f"The weakest class is *{EMOTIONS[weakest]}*: {scores.recall[weakest]:.0%} of its images (18)" in card(
        measured
    )


def test_where_quantization_costs_most_is_said():
    measured = examples.measured()
    coarse = examples.with_curve({"int8": measured["int8"]}, "contrast", [(1, 0.8), (0.2, 0.2)])
    fine = examples.with_curve({"float32": measured["float32"]}, "contrast", [(1, 0.8), (0.2, 0.7)])
    assert "int8 is furthest from float32 with 20% of the contrast: 20% instead of 70%." in card(fine | coarse)


@pytest.mark.parametrize(
    ("labels", "head", "own"),
    [
        ("ferplus", "this bundle has the head of FER+", "FER+ majority"),
        ("fer2013", "this bundle has the head of FER-2013", "FER-2013 labels"),
    ],
)
def test_the_labels_that_it_answers_to_are_named(labels, head, own):
    text = card(examples.measured(labels), labels=labels)
    assert "by two heads on one backbone" in text and head in text
    assert f"columns: answered; {own})" in text


def test_one_kind_of_label_is_no_pair_of_heads():
    measured = examples.measured("fer2013")
    manifest = examples.manifest(measured, "fer2013")
    manifest["training"]["config"]["labels"] = ["fer2013"]
    text = model_card(manifest, measured)
    assert "It learnt the labels of FER-2013." in text and "two heads" not in text


@pytest.mark.parametrize(("source", "named"), [("my-faces", "`my-faces`"), ("", "images in class folders")])
def test_other_data_has_neither_votes_nor_the_licence_of_fer(source, named):
    measured = examples.measured("folder", votes=False)
    manifest = examples.manifest(measured, "folder", source=source)
    manifest["training"]["config"]["labels"] = ["folder"]
    text = model_card(manifest, measured)
    assert f"On {named}, 30 epochs" in text
    assert "Carrier" not in text and "Microsoft" not in text and "FER-2013" not in text
    assert rows(text, "int8")[0][4:] == ["98.7%"]


def test_what_it_must_not_be_used_for_and_whose_data_it_is():
    text = card()
    for said in ("Article 5(1)(f)", "not feelings", "Carrier and Aaron Courville", "MIT licence", "skin tone"):
        assert said in text
