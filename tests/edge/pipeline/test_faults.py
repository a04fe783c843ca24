"""Errors of what a run can do without."""

import errno
import threading

import pytest

from edge.base.errors import UserError
from edge.base.run_statistics import Statistics, summary_text
from edge.pipeline import governor
from edge.pipeline.faults import Faults, Tolerated, ToleratedEvents
from edge.pipeline.pipeline import Pipeline

from ..patience import patiently
from ..stand_ins import KeepingOutput, ScriptedRecognizer, ScriptedSource

pytestmark = pytest.mark.usefixtures("no_threads_left")


@pytest.fixture
def statistics():
    return Statistics()


def fail(faults, part, error):
    with faults.tolerated(part):
        raise error


@pytest.mark.parametrize(
    ("error", "traceback"),
    [(OSError(errno.EMFILE, "Too many open files"), False), (UserError("gone", "look"), False), (TypeError(), True)],
    ids=["of the machine", "of the user", "a bug"],
)
def test_each_kind_is_told_once_and_counted(statistics, caplog, error, traceback):
    faults = Faults(statistics)
    for _ in range(3):
        fail(faults, "page", error)
    assert statistics.counts() == {"errors.page": 3}
    (record,) = caplog.records
    assert record.getMessage().startswith(f"page: {error}")
    assert bool(record.exc_info) == traceback


def test_other_errors_and_those_of_other_parts_are_told(statistics, caplog):
    faults = Faults(statistics)
    for part, code in (("page", errno.EMFILE), ("page", errno.ENOSPC), ("governor", errno.EMFILE)):
        fail(faults, part, OSError(code, "so"))
    assert len(caplog.records) == 3


def test_an_interruption_is_no_fault(statistics):
    with pytest.raises(KeyboardInterrupt):
        fail(Faults(statistics), "page", KeyboardInterrupt())


def test_the_summary_tells_them(statistics):
    assert "errors" not in summary_text(statistics.summary())
    fail(Faults(statistics), "governor", OSError())
    assert "errors: 1 in governor" in summary_text(statistics.summary())


def test_an_output_that_fails_gets_the_next_result_and_the_run_goes_on():
    def full(*arguments):
        raise OSError(errno.EMFILE, "Too many open files")

    given = []

    def write(seq):
        given.append(seq)
        assert seq % 2, "a bug"

    recognizer = ScriptedRecognizer()
    failing, other = KeepingOutput("page", full, write, full), KeepingOutput("file")
    with Pipeline(ScriptedSource(6), recognizer, [Tolerated(failing, Faults(recognizer.statistics)), other]) as running:
        assert len(list(running)) == 6
    assert (given, failing.seqs, other.seqs) == ([*range(6)], [1, 3, 5], [*range(6)])
    assert recognizer.statistics.count_of("errors.page") == 1 + 3 + 1


def test_a_board_that_cannot_be_read_is_looked_at_again_and_the_run_goes_on(monkeypatch, caplog):
    enough, looks = threading.Event(), []

    def read():
        looks.append(1)
        if len(looks) > 2:
            enough.set()
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(governor, "PERIOD", 0.01)
    monkeypatch.setattr(governor, "read_condition", read)
    recognizer = ScriptedRecognizer()
    source = ScriptedSource(10, live=True, before_read=lambda i: enough.wait(20) if i == 9 else None)
    with Pipeline(source, recognizer) as running:
        patiently(enough.is_set)
        list(running)
    assert recognizer.statistics.count_of("errors.governor") >= 3
    assert [record.getMessage()[:30] for record in caplog.records] == ["governor: [Errno 24] Too many "]


def test_an_output_of_events_that_fails_at_the_end_ends_no_run():
    class Failing(KeepingOutput):
        def end(self, events):
            raise OSError(errno.EPIPE, "Broken pipe")

    recognizer = ScriptedRecognizer()
    output = Failing("broker")
    with Pipeline(ScriptedSource(3), recognizer, [ToleratedEvents(output, Faults(recognizer.statistics))]) as running:
        assert len(list(running)) == 3
    assert (output.seqs, output.left) == ([0, 1, 2], 1)
    assert recognizer.statistics.count_of("errors.broker") == 1
