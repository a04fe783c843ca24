"""The long run, made short: the same camera that keeps failing, a few hundred frames."""

from itertools import count

import pytest

from edge.base.settings import DEFAULT_BUNDLE
from edge.pipeline import feed
from tests.edge.stand_ins import picture
from tests.soak import soak as module
from tests.soak.soak import FailingCamera, Held, grown, report, soak


@pytest.fixture
def patience():
    """Restore the pause that the soak sets to zero."""
    before = feed.FIRST_RETRY_DELAY
    yield
    feed.FIRST_RETRY_DELAY = before


def test_a_camera_is_lost_after_its_frames():
    camera = FailingCamera([picture()] * module.SCENES, 3, count())
    assert [camera.read() is not None for _ in range(5)] == [True, True, True, False, False]


@pytest.mark.usefixtures("yunet", "patience")
def test_a_short_soak_answers_all_and_leaves_nothing():
    warm, at_end, counts = soak(DEFAULT_BUNDLE, frames=300, openings=6)
    assert counts["frames"] >= 300
    assert counts["source.back"] >= 6
    assert counts["faces"] > 100
    assert at_end.threads == warm.threads
    assert at_end.files <= warm.files


@pytest.mark.parametrize(
    ("at_end", "left", "expected"),
    [
        pytest.param(Held(104_000_000, 9, 20), 0, False, id="noise"),
        pytest.param(Held(106_000_000, 9, 20), 0, True, id="memory"),
        pytest.param(Held(100_000_000, 9, 21), 0, True, id="a file"),
        pytest.param(Held(100_000_000, 9, 20), 1, True, id="a thread"),
    ],
)
def test_what_counts_as_growth(at_end, left, expected):
    warm = Held(100_000_000, 9, 20)
    assert grown(warm, at_end, left) == expected
    counts = {"frames": 1, "captured": 1, "faces": 1, "source.lost": 1, "source.back": 1}
    assert ("missed" if expected else "reached") in report(warm, at_end, left, counts)
