import pytest

from benchmarks.base.harness import distribution
from benchmarks.base.markdown import table
from benchmarks.base.record import as_plain
from benchmarks.report.tables import (
    COLUMNS,
    SPECIAL,
    TITLES,
    machine_text,
    relative_to_best,
    report,
    states_text,
    targets_text,
)
from benchmarks.suite import MEASUREMENTS


def cells(text: str) -> list[list[str]]:
    """The rows of all tables."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_columns_are_aligned():
    assert table(["name", "ms"], [["a", "1.25"], ["longer", "9"]]).splitlines() == [
        "| name   |   ms |",
        "| ------ | ---: |",
        "| a      | 1.25 |",
        "| longer |    9 |",
    ]


def test_every_measurement_has_a_table_and_a_title():
    assert {*COLUMNS, *SPECIAL} == set(TITLES) == set(MEASUREMENTS)


@pytest.mark.parametrize(
    "row",
    [
        ["int8", "1,000", "5,000", "–", "1 ADD, 2 CONV_2D"],
        ["conv_2d 3×3", "2", "1.800", "90%", "2", "0.900", "90%", "0.50"],
        ["Add (ND)", "1", "0.200", "10%", "1", "0.100", "10%", "0.50"],
        ["a whole inference", "–", "3.000", "150%", "–", "1.500", "150%", "0.50"],
        ["b", "conv_2d 3×3", "96×96×3 → 48×48×8", "0.50", "Convolution (NHWC, F32) IGEMM", "0.225", "22%"],
        ["(no model)", "–", "40"],
        ["int8", "1", "0.700", "0.880", "0.896", "1429", "not significantly different"],
        ["int8", "2", "160", "160–160", "4.00", "4.00", "0.40", "120", "not significantly different"],
        ["int8", "1", "900", "400", "200", "190", "95%", "10.0%"],
        ["int8", "2", "900", "400", "200", "190", "95%", "–"],
        ["int8", "2", "100.0%", "20.0", "20.0%"],
        ["int8", "8", "100%", "12.00", "12.00–12.00"],
        ["1920×1080", "int8", "100%", "5.50", "5.50–5.50"],
        ["int8", *["12.0%"] * 8, "4.0%"],
        ["1280×720", "live", "0°", "25%", "100%", "1.0"],
        ["1280×720", "recording", "20°", "0%", "80%", "1.0"],
        [
            "edge",
            "64×64",
            "200",
            "196",
            "98.0% (not significantly different)",
            "0.5",
            "ferplus 10, fer2013 not reached",
        ],
        ["nano", "64×64", "200", "192", "96.0% (not significantly different)", "0.5", "no run named"],
        ["--web, one viewer", "20.0%", "+10.0% (not significantly different)"],
        ["fer 1", "2", "20.0", "20.0–20.0", "100%", "0.5", "100"],
        ["fer 1", "0.750", "0.975", "0.500–0.500", "50"],
        ["fer 1", "2400", "0.50", "0.50–0.50"],
        ["fer 1", "60.00%", "60.00%", "–", "–"],
        ["int8", "71.00%", "65.43%", "–", "–"],
    ],
    ids=lambda row: " ".join(row[:2]),
)
def test_the_figures_are_in_the_tables(record, row):
    assert row in cells(report(record))


def test_layers_that_take_no_time_that_can_be_told_have_no_share(record):
    for profile in record["figures"]["operators"]:
        profile["layers_ms"] = 0.0
        for layer in profile["layers"]:
            layer["ms"] = 0.0
    assert ["conv_2d 3×3", "2", "0.000", "–", "2", "0.000", "–", "–"] in cells(report(record))


def test_a_gap_is_named_and_not_filled_in(record):
    del record["figures"]["peers"]
    record["missing"]["peers"] = "no network"
    text = report(record)
    assert "Not measured: peers (no network)." in text
    assert TITLES["peers"] not in text


def test_a_package_that_is_missing_is_named_beside_those_that_are_not(record):
    record["missing"]["peers, facex"] = "no network"
    text = report(record)
    assert "Not measured: peers, facex (no network)." in text
    assert TITLES["peers"] in text


def test_variants_that_are_not_there_are_named(record):
    assert "not in this bundle: float16, dynamic" in report(record)


@pytest.mark.parametrize(("reached", "word"), [(True, "reached"), (False, "**not reached**")])
def test_targets(reached, word):
    assert cells(targets_text([{"target": "p", "measured": "1 ms", "reached": reached}]))[2] == ["p", "1 ms", word]


def test_targets_of_which_nothing_was_measured_are_counted():
    measured, not_measured = ({"target": "p", "measured": "1 ms", "reached": reached} for reached in (True, None))
    text = targets_text([measured, not_measured, not_measured])
    assert len(cells(text)) == 3
    assert text.endswith("nothing was measured here: 2.")
    assert not cells(targets_text([not_measured]))


@pytest.mark.parametrize(("busy", "expected"), [(0.4, True), (0.01, False), (None, False)])
def test_a_busy_machine_is_said_to_be_one(record, busy, expected):
    assert ("not idle" in machine_text(record["machine"] | {"busy": busy})) == expected


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        pytest.param([0.80, 0.81, 0.82], "1.16 times", id="apart"),
        pytest.param([0.60, 0.71, 0.90], "not significantly different", id="all over the place"),
        pytest.param([0.80, 0.81], "not significantly different", id="too few rounds to know"),
    ],
)
def test_a_difference_that_is_not_significant_is_not_shown(ours, expected):
    best, other = (
        {"variant": v, "threads": 1, "ms": as_plain(distribution(values))}
        for v, values in (("int8", [0.69, 0.70, 0.71]), ("float32", ours))
    )
    elsewhere = best | {"threads": 4, "ms": as_plain(distribution([0.1]))}
    rows, relative = [other, best, elsewhere], relative_to_best("ms", "threads")
    assert relative(best, rows) == "best"
    assert relative(other, rows) == expected
    assert relative(elsewhere, rows) == "–"


def test_more_can_be_better():
    rows = [{"cores": 1, "fps": as_plain(distribution([n, n + 1, n + 2]))} for n in (100, 200)]
    assert [relative_to_best("fps", "cores", better=+1)(row, rows) for row in rows] == ["0.50 times", "best"]


def test_governor_and_temperature_before_and_after_are_told_where_they_are_known(record):
    expected = "before: governor ondemand, 50 °C; after: governor ondemand, 82 °C, **slowed down** by heat or voltage"
    assert expected in report(record)
    unknown = {"governor": None, "temperature": None, "slowed": False}
    assert states_text({"states": {"before": unknown, "after": unknown}}) == []


def test_pictures_stand_below_their_tables(record):
    text = report(record, {"face-count": "pictures/faces.png"})
    table_, _, after = text.partition("![face-count](pictures/faces.png)")
    assert TITLES["face-count"] in table_
    assert after.startswith(f"\n\n{TITLES['frame-size']}")
