import pytest

from benchmarks.targets import TARGETS, check_targets


def reached(record) -> list[bool | None]:
    return [result["reached"] for result in check_targets(record)]


def test_all_reached(record):
    assert reached(record) == [True] * len(TARGETS)


@pytest.mark.parametrize(
    ("measurement", "changes", "target"),
    [
        ("latency", {"ms": {"p50": 1.1}}, "one thread"),
        ("pipeline", {"fps": {"p50": 149.0}}, "150 FPS"),
        ("pipeline", {"first_record": {"p50": 1.1}}, "first record"),
        ("pipeline", {"peak": 210_000_000}, "memory"),
        ("stages", {"overhead": 0.2}, "outside"),
        ("stages", {"of_slowest": 0.8}, "slowest"),
        ("live", {"age_p99_ms": {"p50": 70.0}}, "frame age"),
        ("live", {"cpu": {"p50": 0.5}}, "of one core"),
        ("outputs", {"more": 0.2}, "page"),
    ],
)
def test_each_is_missed_by_its_own_figure(record, measurement, changes, target):
    for row in record["figures"][measurement]:
        row |= changes
    missed = [result["target"] for result in check_targets(record) if not result["reached"]]
    assert missed
    assert all(target in words for words in missed)


def test_peers_and_face_counts_are_ratios(record):
    record["figures"]["peers"][0]["fps"]["p50"] = 250.0  # ours on one core, 12.5 times fer's
    record["figures"]["face-count"][1]["ms"]["p50"] = 16.5  # 3.3 times one face
    missed = [result["measured"] for result in check_targets(record) if not result["reached"]]
    assert missed == ["12.5 times", "3.3 times"]


def test_latency_at_another_resolution_says_nothing_of_the_bar(record):
    record["bundle"]["resolution"] = 224
    assert reached(record)[0] is None


def test_what_was_not_measured_is_neither_reached_nor_missed(record):
    record["figures"] = {}
    assert reached(record) == [None] * len(TARGETS)
    assert {result["measured"] for result in check_targets(record)} == {"not measured"}
