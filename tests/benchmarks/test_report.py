from dataclasses import replace

import pytest

from benchmarks.accuracy import Accuracy
from benchmarks.bars import Bar
from benchmarks.report import bars_text, machine_text, report, table


def test_columns_are_aligned_and_a_remark_widens_none():
    text = table("title", ["name", "ms", "FPS"], [["a", "1.25", "9"], ["longer", "not in this bundle"]])
    assert text.splitlines() == [
        "title",
        "  name      ms  FPS",
        "  a       1.25    9",
        "  longer  not in this bundle",
    ]


def test_absent_variants_are_named_in_every_table_and_have_no_figures(results):
    lines = report(results).splitlines()
    for variant in ("float16", "dynamic"):
        rows = [line.split() for line in lines if line.strip().startswith(variant)]
        assert rows == [[variant, "not", "in", "this", "bundle"]] * 3


def test_the_figures_are_in_the_tables(results):
    lines = [line.split() for line in report(results).splitlines()]
    assert ["(no", "model)", "-", "40.0"] in lines
    assert ["int8", "1", "0.700", "0.880", "0.896", "1429", "3"] in lines
    assert ["int8", "2", "160.0", "160.0", "160.0", "4.00", "4.00", "0.40", "120.0"] in lines


def test_accuracy_has_columns_only_where_it_was_measured(results):
    assert "accuracy" not in report(results)
    accuracy = [Accuracy(v, 100, 0.71, 0.654321, None, None, None) for v in ("float32", "int8")]
    settings = replace(results.settings, split="test")
    text = report(replace(results, accuracy=accuracy, settings=settings))
    row = next(line for line in text.splitlines() if line.strip().startswith("int8"))
    assert row.split()[-4:] == ["71.00%", "65.43%", "-", "-"]
    assert "split test" in text


@pytest.mark.parametrize(
    ("reached", "line"), [(True, "p: 1 ms reached"), (False, "p: 1 ms NOT reached"), (None, "p: 1 ms")]
)
def test_bars(reached, line):
    assert bars_text([Bar("p", "1 ms", reached)]).splitlines() == ["bar: measured", f"  {line}"]


@pytest.mark.parametrize(("busy", "expected"), [(0.4, True), (0.01, False), (None, False)])
def test_a_busy_machine_is_said_to_be_one(results, busy, expected):
    assert ("not idle" in machine_text(replace(results.machine, busy=busy))) == expected
