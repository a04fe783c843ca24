"""Processes that do one task after another, and what happens when they end in between."""

import os
import signal
import threading

import pytest

pytest.importorskip("pyarrow", reason="pip install 'emotion-edge[analyze]'")

from edge.base.files import claimed
from edge.base.settings import Options, Wanted
from edge.report import local, task_loop, task_process
from edge.report.inputs import Place
from edge.report.job import Job
from edge.report.local import run_here
from edge.report.progress import BatchProgress
from edge.report.task import Task
from edge.report.task_process import Stopped, TaskProcess
from edge.report.video import analyze_video

from ..patience import LONG, patiently

pytestmark = pytest.mark.usefixtures("yunet", "no_threads_left")


@pytest.fixture
def process():
    """A process, which is ended after the test."""
    process = TaskProcess()
    yield process
    process.stop()
    process.wait()


@pytest.fixture
def task(write_clip, bundle, tmp_path):
    """`task(name)` makes a video and its task; reports are in `out`."""

    def make(name, frames=4, **wanted):
        job = Job(
            write_clip(tmp_path / f"{name}.mp4", frames=frames),
            Place(tmp_path / "out", name),
            Options(model=bundle),
            Wanted(**wanted),
        )
        return Task(job)

    return make


def files(task):
    return {path.name for path in task.job.place.folder.iterdir() if path.is_file()}


def begun(process, task, found):
    """Do a task on a thread of its own, which appends outcome or error to `found`; gives the thread, once it reads."""

    def do():
        try:
            found.append(process.do(task))
        except Stopped as error:
            found.append(error)

    thread = threading.Thread(target=do)
    thread.start()
    patiently(lambda: any(task.job.place.folder.glob(f".{task.job.place.name}-*.csv")))
    return thread


def test_one_process_does_one_task_after_another(process, task):
    outcomes, numbers = [], []
    for name in "ab":
        outcomes.append(process.do(task(name)))
        numbers.append(process.pid)
    assert not any(outcome.failed for outcome in outcomes)
    assert numbers[0] == numbers[1]


def test_shares_are_told(process, task):
    shares = []
    process.do(task("a", frames=2000), shares.append)
    assert shares[0] == 0.0
    assert shares == sorted(shares)


def test_a_process_that_dies_is_told_and_the_next_task_has_another(process, task):
    found, long = [], task("long", frames=8000)
    thread = begun(process, long, found)
    os.kill(process.pid, signal.SIGKILL)
    thread.join(LONG)
    assert found[0].failed
    assert "its process ended with status -9" in found[0].text
    assert files(long) == {"long.error.txt"}, "nothing is left of what it had begun"
    assert not process.do(task("a")).failed


def test_a_process_that_ended_between_two_tasks_is_replaced(process, task):
    process.do(task("a"))
    before = process.pid
    os.kill(before, signal.SIGKILL)
    os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
    assert not process.do(task("b")).failed
    assert process.pid != before


def test_a_process_ends_when_it_is_idle_or_has_done_enough(monkeypatch):
    done = []
    monkeypatch.setattr(task_loop, "IDLE_TIMEOUT", 0.0)
    monkeypatch.setattr(task_loop, "MAX_TASKS", 2)
    monkeypatch.setattr(task_loop, "_done", lambda task, threads, news: done.append(task))
    monkeypatch.setattr(task_loop, "_reserved_output", lambda: lambda value: None)
    monkeypatch.setattr(task_loop, "_read", lambda tasks: None)
    task_loop.main(1)
    assert done == []
    monkeypatch.setattr(task_loop, "IDLE_TIMEOUT", LONG)
    monkeypatch.setattr(task_loop, "_read", lambda tasks: [tasks.put(number) for number in range(3)])
    task_loop.main(1)
    assert done == [0, 1]


def test_what_another_process_is_at_is_left_to_it(process, task):
    one = task("a")
    with claimed(one.job.place.claim):
        assert process.do(one) is None
    assert not process.do(one).failed


def test_a_stop_leaves_nothing_and_blames_nobody(process, task, monkeypatch):
    monkeypatch.setattr(task_process, "TASK_STOP_TIMEOUT", LONG)
    found, long = [], task("long", frames=8000)
    thread = begun(process, long, found)
    process.stop()
    process.wait()
    thread.join(LONG)
    assert isinstance(found[0], Stopped)
    assert files(long) == set()
    with pytest.raises(Stopped):
        process.do(task("a"))


def test_what_a_killed_run_left_is_cleared_by_the_next(process, task, monkeypatch):
    found, long = [], task("long", frames=8000, annotated=True)
    thread = begun(process, long, found)
    patiently(lambda: any(long.job.place.folder.glob("..long.annotated-*.mp4")))  # a part's own part
    monkeypatch.setattr(Place, "clear_leftovers", lambda place: None)  # as if this process were killed, too
    os.kill(process.pid, signal.SIGKILL)
    thread.join(LONG)
    assert files(long) > {"long.error.txt"}, "half-written"
    monkeypatch.undo()
    analyze_video(Job(long.job.video, long.job.place, long.job.options, Wanted()))
    assert files(long) == {"long.error.txt", "long.csv", "long.html", "long.json"}


def test_signals_of_the_terminal_are_left_to_the_parent(process, task):
    found, long = [], task("long", frames=2000)
    thread = begun(process, long, found)
    for number in (signal.SIGINT, signal.SIGHUP):
        os.kill(process.pid, number)
    thread.join(LONG)
    assert not found[0].failed


def test_the_error_of_a_thread_is_raised(task, monkeypatch):
    def fail(process, task, tell):
        raise ZeroDivisionError

    monkeypatch.setattr(TaskProcess, "do", fail)
    with BatchProgress({}) as progress, pytest.raises(ZeroDivisionError):
        list(run_here([task("a")], 1, threading.Event(), progress))


def test_a_task_that_is_taken_comes_again(task, monkeypatch):
    monkeypatch.setattr(local, "CLAIM_INTERVAL", 0.0)
    tasks, done = [task("a"), task("b")], []
    do = TaskProcess.do

    def refuse_first(process, task, tell):
        done.append(task.job.place.name)
        return None if len(done) == 1 else do(process, task, tell)

    monkeypatch.setattr(TaskProcess, "do", refuse_first)
    with BatchProgress({one.name: 1 for one in tasks}) as progress:
        outcomes = list(run_here(tasks, 1, threading.Event(), progress))
    assert done == ["a", "b", "a"]
    assert [outcome.failed for outcome in outcomes] == [False, False]
