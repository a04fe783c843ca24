import cv2
import pytest

pytest.importorskip("matplotlib")

from benchmarks.plots import draw


def test_plots_are_whole_pictures_and_nothing_else_is_left(record, tmp_path):
    folder = tmp_path / "plots"
    drawn = draw(record, folder)
    assert {path.name for path in drawn} == {"latency.png", "pipeline.png", "operators.png"}
    assert set(folder.iterdir()) == set(drawn)
    assert all(cv2.imread(str(path)).std() > 0 for path in folder.iterdir())


def test_one_thread_and_one_core_are_drawn_too(record, tmp_path):
    record["settings"] |= {"threads": [1], "cores": [1]}
    assert len(draw(record, tmp_path)) == 3


def test_what_was_not_measured_is_not_drawn(record, tmp_path):
    del record["figures"]["pipeline"], record["figures"]["operators"]
    assert draw(record, tmp_path) == [tmp_path / "latency.png"]
