"""Counts, rates and percentiles against values that are known beforehand."""

import json
import threading

import pytest

from edge.base import run_statistics
from edge.base.run_statistics import BOUNDS, WINDOW, Statistics, summary_text


@pytest.fixture
def clock(monkeypatch):
    """`clock[0]` is what the clocks say."""
    now = [100.0]
    monkeypatch.setattr(run_statistics.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(run_statistics.time, "perf_counter", lambda: now[0])
    return now


@pytest.mark.parametrize(
    ("times", "fps"),
    [
        pytest.param([], 0, id="no frame"),
        pytest.param([5], 0, id="one frame has no rate"),
        pytest.param([5, 5.1], 10, id="two frames, one interval"),
        pytest.param([50, 51, 52, 54], 0.75, id="the wait for the first frame does not count"),
        pytest.param([3, 3], 0, id="no time passed"),
    ],
)
def test_fps(clock, times, fps):
    gathered = Statistics()
    for t in times:
        clock[0] = 100 + t
        gathered.answered()
    clock[0] += 1000  # nor does the time after the last
    assert gathered.fps() == pytest.approx(fps)
    assert gathered.summary()["counts"].get("frames", 0) == len(times)


@pytest.mark.parametrize(
    ("times", "now", "fps"),
    [
        pytest.param([], 9, None, id="too early to say that there are none"),
        pytest.param([], 11, 0, id="none"),
        pytest.param([1], 2, None, id="one frame has no rate"),
        pytest.param([1], 10.5, 0.1, id="unless it was the only one for long enough"),
        pytest.param([1, 1.5, 2], 3, 2, id="from the first on"),
        pytest.param([*range(10), 30, 31, 31.5, 32], 39, 1.5, id="of the last seconds alone"),
        pytest.param([1, 2, 3], 14, 0, id="no more"),
    ],
)
def test_the_rate_at_present(clock, times, now, fps):
    gathered = Statistics()
    for t in times:
        clock[0] = 100 + t
        gathered.answered()
    clock[0] = 100 + now
    assert gathered.recent_fps(10) == (None if fps is None else pytest.approx(fps))


def test_percentiles_in_milliseconds():
    gathered = Statistics()
    for i in range(101):
        gathered.add("detect", i / 1000)
    assert gathered.summary()["ms"] == {"detect": {"p50": 50.0, "p95": 95.0, "p99": 99.0}}


def test_a_long_run_keeps_the_newest_times_only():
    gathered = Statistics()
    for i in range(2 * WINDOW):
        gathered.add("detect", 1.0 if i < WINDOW else 0.002)
    assert gathered.summary()["ms"]["detect"] == {"p50": 2.0, "p95": 2.0, "p99": 2.0}


def test_timed_notes_the_duration_of_its_block(clock):
    gathered = Statistics()
    with gathered.timed("classify"):
        clock[0] += 0.004
    assert gathered.summary()["ms"]["classify"]["p50"] == pytest.approx(4)


def test_counts_add_up_over_threads():
    gathered = Statistics()
    threads = [
        threading.Thread(target=lambda: [gathered.count("faces", 2) for _ in range(1000)], daemon=True)
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gathered.summary()["counts"] == {"faces": 8000}


def test_the_summary_is_plain_json():
    gathered = Statistics()
    gathered.answered()
    gathered.add("detect", 0.001)
    summary = gathered.summary()
    assert json.loads(json.dumps(summary)) == summary
    assert set(summary) == {"fps", "counts", "states", "ms"}


@pytest.mark.parametrize(
    ("counts", "lines"),
    [
        pytest.param({}, ["0 frames, 12.3 FPS, 0 faces in 0 frames", "dropped: none"], id="nothing counted"),
        pytest.param(
            {"frames": 9, "faces": 4, "frames_with_faces": 3, "dropped.video": 0},
            ["9 frames, 12.3 FPS, 4 faces in 3 frames", "dropped: none"],
            id="nothing dropped",
        ),
        pytest.param(
            {"frames": 9, "dropped.detection": 5, "dropped.video": 2},
            ["9 frames, 12.3 FPS, 0 faces in 0 frames", "dropped: 5 before detection, 2 before video"],
            id="dropped",
        ),
    ],
)
def test_summary_text(counts, lines):
    text = summary_text({"fps": 12.34, "counts": counts, "ms": {"detect": {"p50": 1.0, "p95": 2.5, "p99": 1234.567}}})
    assert text.splitlines()[:2] == lines
    assert text.splitlines()[2].split() == ["ms", "p50", "p95", "p99"]
    assert text.splitlines()[3].split() == ["detect", "1.00", "2.50", "1234.57"]


def test_the_text_of_an_empty_run_can_be_made():
    assert summary_text(Statistics().summary()).startswith("0 frames, 0.0 FPS")


def test_states_are_what_is_the_case_now():
    run_statistics = Statistics()
    for level in (1, 2, 0):
        run_statistics.set("level", level)
    assert run_statistics.summary()["states"] == {"level": 0}


class Line:
    """A queue with values to set."""

    def __init__(self, dropped=0, waiting=0):
        self.dropped, self.waiting = dropped, waiting

    def __len__(self):
        return self.waiting


def test_queues_are_looked_at_when_somebody_asks():
    run_statistics, line = Statistics(), Line()
    run_statistics.watch("video", line)
    assert (run_statistics.counts(), run_statistics.depths()) == ({"dropped.video": 0}, {"video": 0})
    line.dropped, line.waiting = 7, 3
    assert (run_statistics.counts(), run_statistics.depths()) == ({"dropped.video": 7}, {"video": 3})
    assert run_statistics.summary()["counts"] == {"dropped.video": 7}


def test_a_second_queue_of_a_name_goes_on_from_the_first():
    run_statistics = Statistics()
    for line in (Line(7, 0), Line(2, 1)):
        run_statistics.watch("video", line)
    assert (run_statistics.counts(), run_statistics.depths()) == ({"dropped.video": 9}, {"video": 1})


def test_a_histogram_is_of_the_whole_run_and_a_bound_belongs_to_the_class_below_it():
    run_statistics = Statistics()
    for seconds in (*BOUNDS, 2 * BOUNDS[-1], *[0.0] * WINDOW):
        run_statistics.add("detect", seconds)
    found = run_statistics.histograms()["detect"]
    assert found.counts == [1 + WINDOW, *[1] * len(BOUNDS)]
    assert found.total == pytest.approx(sum(BOUNDS) + 2 * BOUNDS[-1])
    run_statistics.add("detect", 0.0)
    assert found.counts[0] == 1 + WINDOW, "what was given does not change any more"


def test_recent_durations_forget_the_older_ones():
    run_statistics = Statistics()
    for seconds in (9.0, 9.0, 1.0, 2.0, 3.0):
        run_statistics.add("age", seconds)
    assert run_statistics.recent("age", 50, last=3) == 2.0
    assert run_statistics.recent("age", 100, last=10) == 9.0
    assert run_statistics.recent("nothing", 50, last=3) is None
