"""Reloads happen aside, one after the other, and their thread ends with the run."""

import logging
import threading

import pytest

from edge.base.errors import UserError
from edge.pipeline import reload
from edge.pipeline.reload import Reloader

from ..patience import patiently


class Loads:
    """Loads that wait to be let go; `fails` is raised by those after."""

    def __init__(self):
        self.begun, self.ended, self.fails = 0, 0, None
        self.go_on = threading.Semaphore(0)

    def __call__(self):
        self.begun += 1
        self.go_on.acquire()
        self.ended += 1
        if self.fails:
            raise self.fails


@pytest.fixture
def asked():
    return threading.Event()


def test_nothing_is_loaded_unless_asked_and_the_thread_ends(asked, no_threads_left):
    loads = Loads()
    with Reloader(asked, loads):
        assert "reload" in [thread.name for thread in threading.enumerate()]
    assert loads.begun == 0


def test_what_is_asked_for_meanwhile_is_done_once_after(asked, no_threads_left):
    loads = Loads()
    with Reloader(asked, loads):
        asked.set()
        patiently(lambda: loads.begun == 1)
        for _ in range(3):
            asked.set()
        loads.go_on.release(2)
        patiently(lambda: loads.ended == 2)
    assert loads.begun == 2


@pytest.mark.parametrize(
    ("fails", "told"),
    [
        (UserError("no model here", "make one"), "the model stays as it was: no model here"),
        (RuntimeError("a bug"), "RuntimeError: a bug"),
    ],
)
def test_after_a_failure_it_can_be_asked_again(asked, caplog, fails, told, no_threads_left):
    loads = Loads()
    loads.go_on.release(2)
    loads.fails = fails
    with caplog.at_level(logging.WARNING), Reloader(asked, loads):
        asked.set()
        patiently(lambda: told in caplog.text)
        loads.fails = None
        asked.set()
        patiently(lambda: "the model was loaded anew" in caplog.text)
    assert loads.ended == 2


def test_a_load_that_hangs_is_abandoned_and_told(asked, caplog, monkeypatch, no_threads_left):
    monkeypatch.setattr(reload, "RELOAD_STOP_TIMEOUT", 0.05)
    loads = Loads()
    with Reloader(asked, loads):
        asked.set()
        patiently(lambda: loads.begun == 1)
    assert "abandoned" in caplog.text
    loads.go_on.release()
