from dataclasses import replace

import cv2
import pytest

pytest.importorskip("matplotlib")

from benchmarks.plots import draw_latency, draw_pipeline


@pytest.mark.parametrize("draw", [draw_latency, draw_pipeline])
def test_a_plot_is_a_whole_picture_and_leaves_nothing_else(draw, results, tmp_path):
    folder = tmp_path / "plots"
    draw(folder / "plot.png", results)
    assert [path.name for path in folder.iterdir()] == ["plot.png"]
    picture = cv2.imread(str(folder / "plot.png"))
    assert picture is not None
    assert picture.std() > 0


def test_one_thread_and_one_core_are_drawn_too(results, tmp_path):
    settings = replace(results.settings, threads=(1,), cores=(1,))
    draw_latency(tmp_path / "l.png", replace(results, settings=settings))
    draw_pipeline(tmp_path / "p.png", replace(results, settings=settings))
