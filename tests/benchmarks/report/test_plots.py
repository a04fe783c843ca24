from copy import deepcopy

import cv2
import pytest

pytest.importorskip("matplotlib")

from benchmarks.report.document import FRONT
from benchmarks.report.plots import CHARTS, draw


def test_plots_are_whole_pictures_and_nothing_else_is_left(record, tmp_path):
    folder = tmp_path / "plots"
    drawn = draw([record], folder)
    assert drawn == {(0, name): folder / f"{name}.png" for name in CHARTS} | {(-1, FRONT): folder / f"{FRONT}.png"}
    assert set(folder.iterdir()) == set(drawn.values())
    assert all(cv2.imread(str(path)).std() > 0 for path in folder.iterdir())


def test_one_thread_and_one_core_are_drawn_too(record, tmp_path):
    record["settings"] |= {"threads": [1], "cores": [1]}
    assert len(draw([record], tmp_path)) == len(CHARTS) + 1


def test_what_was_not_measured_is_not_drawn(record, tmp_path):
    record["figures"] = {"latency": record["figures"]["latency"], "live": [], "stages": record["figures"]["stages"]}
    for row in record["figures"]["stages"]:
        row["shares"] = None
    assert draw([record], tmp_path) == {(0, "latency"): tmp_path / "latency.png"}


def test_pictures_of_several_records_have_names_of_their_own(record, tmp_path):
    record["figures"] = {"face-count": record["figures"]["face-count"]}
    other = deepcopy(record)
    other["bundle"]["name"] = "nano"
    drawn = draw([record, other, record], tmp_path)
    assert [path.name for path in drawn.values()] == [
        "tiny-face-count.png",
        "nano-face-count.png",
        "tiny-2-face-count.png",
    ]
