import pytest

from benchmarks.report.document import report
from benchmarks.suite import MEASUREMENTS


def cells(text: str) -> list[list[str]]:
    """The rows of all tables."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


@pytest.mark.parametrize(
    "row",
    [
        ["int8", "1,000", "5,000", "–", "1 ADD, 2 CONV_2D"],
        ["int8", "1", "0.700", "0.880", "0.896", "1429", "1.00", "50", "not significantly different"],
        ["int8", "2", "160", "160–160", "4.00", "4.00", "0.25", "120", "not significantly different"],
        ["int8", "1", "900", "400", "200", "190", "95%", "10.0%"],
        ["int8", "2", "900", "400", "200", "190", "95%", "–"],
        ["int8", "2", "100.0%", "8.0", "10.0%"],
        ["int8", "8", "100%", "12.00", "12.00–12.00"],
        ["1920×1080", "int8", "100%", "5.50", "5.50–5.50"],
        ["int8", *["12.0%"] * 8, "4.0%"],
        ["1280×720", "image", "20", "40", "12", "80.0%", "1.0", "50.0%", "60.0%", "70.0%", "-10.0 (-20.0 to +0.0)"],
        ["--web, one viewer", "20.0%", "+10.0% (not significantly different)"],
        ["fer 1", "2", "20.0", "20.0–20.0", "100%", "0.5", "100"],
        ["fer 1", "0.750", "0.975", "0.500–0.500", "50"],
        ["fer 1", "2400", "0.50", "0.50–0.50"],
        ["fer 1", "60.00%", "60.00%", "–", "–", "+10.0 (+2.0 to +18.0)", "–"],
        ["int8", "71.00%", "65.43%", "–", "–"],
        ["pipeline, two cores, ≥ 150 FPS", "160 FPS", "reached"],
    ],
    ids=lambda row: " ".join(row[:2]),
)
def test_the_figures_are_in_the_tables(record, row):
    assert row in cells(report(record, {}))


def test_a_gap_is_named_and_not_filled_in(record):
    del record["figures"]["peers"]
    record["missing"] = {"peers": "no network", "peers-model, facex": "no network"}
    text = report(record, {})
    assert "Not measured: peers (no network)." in text
    assert MEASUREMENTS["peers"].title not in text
    assert "Not measured: peers-model, facex (no network)." in text
    assert MEASUREMENTS["peers-model"].title in text


def test_variants_that_are_not_there_are_named(record):
    assert "not in this bundle: float16, dynamic" in report(record, {})


def test_a_target_that_is_missed_stands_out_and_those_not_measured_are_counted(record):
    missed = {"target": "p", "measured": "1 ms", "reached": False}
    text = report(record | {"targets": [missed, missed | {"reached": None}, missed | {"reached": None}]}, {})
    assert cells(text)[-1] == ["p", "1 ms", "**not reached**"]
    assert text.endswith("nothing was measured here: 2.")


@pytest.mark.parametrize(("busy", "expected"), [(0.4, True), (0.01, False), (None, False)])
def test_a_busy_machine_is_said_to_be_one(record, busy, expected):
    record["machine"] = record["machine"] | {"busy": busy}
    assert ("not idle" in report(record, {})) == expected


def test_governor_and_temperature_before_and_after_are_told_where_they_are_known(record):
    expected = "before: governor ondemand, 50 °C; after: governor ondemand, 82 °C, **slowed down** by heat or voltage"
    assert expected in report(record, {})
    unknown = {"governor": None, "temperature": None, "slowed": False}
    assert "before:" not in report(record | {"states": {"before": unknown, "after": unknown}}, {})


def test_pictures_stand_below_their_tables(record):
    text = report(record, {"face-count": "pictures/faces.png"})
    table_, _, after = text.partition("![face-count](pictures/faces.png)")
    assert MEASUREMENTS["face-count"].title in table_
    assert after.startswith(f"\n\n{MEASUREMENTS['frame-size'].title}")
