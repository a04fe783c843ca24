"""Changes of a configuration file while a run continues."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.app.followed_file import FollowedFile, adjusted, differences
from edge.base.errors import UserError
from edge.base.hours import Hours
from edge.base.options import declared
from edge.base.settings import ADJUSTABLE, NOT_IN_FILES, Camera, Capture, EventLimits, Options, Quality, Run, Smoothing
from edge.faces.smoother import Smoother

from ..base.test_options import EVERYTHING

RUN = Run("0", config=Path("home.toml"))

CHANGED = replace(
    RUN,
    capture=Capture(fps=5),
    events=EventLimits(2.0),
    recognition=Options(threads=2, max_faces=4, smoothing=Smoothing(margin=0.2), quality=Quality(max_turn=30.0)),
)


@pytest.fixture
def follow(caplog):
    """Return a function that follows a file through versions of it, and returns what was adjusted and logged."""

    def followed(*versions):
        ours, coming = [], iter(versions)

        def reread():
            version = next(coming)
            if isinstance(version, UserError):
                raise version
            return version

        file = FollowedFile(RUN, reread, ours.append)
        with caplog.at_level(logging.WARNING):
            for _ in versions:
                file.follow()
        return ours, caplog.messages

    return followed


def test_what_can_be_changed_is_changed_and_the_rest_is_told(follow):
    (ours,), lines = follow(CHANGED)
    assert ours.events == EventLimits(2.0)
    assert ours.recognition == replace(CHANGED.recognition, threads=1)
    assert ours.capture == RUN.capture
    assert lines == [
        "home.toml was read again; changed: events.min_seconds, recognition.max_faces, recognition.smoothing.margin, "
        "recognition.quality.max_turn; needs a restart: capture.fps, recognition.threads"
    ]


def test_only_what_has_changed_since_is_told_as_changed(follow):
    _, lines = follow(CHANGED, CHANGED, RUN)
    assert lines[1] == "home.toml was read again; changed: nothing; needs a restart: capture.fps, recognition.threads"
    assert "needs a restart" not in lines[2]


def test_with_a_mistake_all_stays_as_it_was(follow):
    ours, lines = follow(UserError("home.toml:1: threads: unknown option", "write recognition.threads"))
    assert ours == []
    assert lines == ["the options stay as they were: home.toml:1: threads: unknown option: write recognition.threads"]


def test_each_name_of_what_can_be_changed_is_that_of_a_setting():
    names = [setting.name for setting in declared(Run, NOT_IN_FILES)]
    assert all(any(name.startswith(beginning) for name in names) for beginning in ADJUSTABLE)


def test_a_run_is_adjusted_in_these_settings_only():
    found = adjusted(Run(), EVERYTHING)
    assert all(name.startswith(ADJUSTABLE) for name in differences(Run(), found))
    assert not any(name.startswith(ADJUSTABLE) for name in differences(found, EVERYTHING))


def test_cameras_are_followed_by_their_names(follow):
    porch, yard = Camera("porch", "0"), Camera("yard", "1")
    run = replace(RUN, camera=(porch, yard))
    hours = (Hours.parse("22:00-06:00"),)
    wanted = replace(run, camera=(replace(porch, off=hours, source="2", events=EventLimits(3.0)), Camera("hall", "1")))
    assert differences(run, wanted) == [
        *("camera hall", "camera yard", "porch.source", "porch.off", "porch.events.min_seconds")
    ]
    found = adjusted(run, wanted)
    assert found.camera == (replace(porch, off=hours, events=EventLimits(3.0)), yard)


def test_labels_follow_at_once():
    smoother = Smoother(Smoothing(), 1.0)
    assert smoother.update(1, np.array([0.8, 0.2], np.float32), 0.0)[1] == 0
    smoother.settings = Smoothing(time_constant=0.0, unsure_below=0.9)
    assert smoother.update(1, np.array([0.2, 0.8], np.float32), 0.01)[1] is None
    smoother.settings = Smoothing(time_constant=0.0)
    assert smoother.update(1, np.array([0.2, 0.8], np.float32), 0.02)[1] == 1
