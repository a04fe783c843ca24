from copy import deepcopy

import cv2
import pytest

pytest.importorskip("matplotlib")

from benchmarks.report.charts import draw
from benchmarks.report.document import FRONT


def test_plots_are_whole_pictures_and_nothing_else_is_left(record, tmp_path):
    folder = tmp_path / "plots"
    drawn = draw([record], folder)
    assert drawn == {(-1, FRONT): folder / f"{FRONT}.png", (0, "end-to-end"): folder / "end-to-end.png"}
    assert set(folder.iterdir()) == set(drawn.values())
    assert all(cv2.imread(str(path)).std() > 0 for path in folder.iterdir())


def test_what_was_not_measured_is_not_drawn(record, tmp_path):
    record["figures"] = {name: record["figures"][name] for name in ("latency", "live")} | {"end-to-end": []}
    assert draw([record], tmp_path) == {}


def test_pictures_of_several_records_have_names_of_their_own(record, tmp_path):
    record["figures"] = {"end-to-end": record["figures"]["end-to-end"]}
    other = deepcopy(record)
    other["bundle"]["name"] = "nano"
    drawn = draw([record, other, record], tmp_path)
    ends = [path.name.removesuffix("-end-to-end.png") for path in drawn.values()]
    assert ends == ["tiny", "nano", "tiny-2"]
