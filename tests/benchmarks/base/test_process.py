import os
import sys

import pytest

from benchmarks.base.process import call_fresh, run_fresh
from benchmarks.measure.scaling import run_scenes
from edge.base.errors import UserError


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_lines_times_and_memory_of_a_command():
    usage = run_fresh(python("x = b'x' * 50_000_000; sum(range(10**6)); print(1); print(2)"), 1)
    assert usage.status == 0
    assert usage.first_line is not None
    assert 0 < usage.first_line <= usage.seconds
    assert 0 < usage.cpu <= usage.seconds
    assert 50_000_000 < usage.peak < 100_000_000


def test_the_memory_of_whoever_measures_is_not_counted():
    ballast = b"x" * 200_000_000
    assert run_fresh(python("pass"), 1).peak < 100_000_000
    del ballast


def test_a_silent_command_has_no_first_line():
    assert run_fresh(python("pass"), 1).first_line is None


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system has no affinity")
def test_a_command_runs_on_as_many_cores_as_it_is_given():
    own = os.sched_getaffinity(0)
    run_fresh(python("import os; assert len(os.sched_getaffinity(0)) == 1"), 1)
    run_fresh(python(f"import os; assert len(os.sched_getaffinity(0)) == {len(own)}"), len(own))
    assert os.sched_getaffinity(0) == own


def test_the_user_errors_of_a_command_are_passed_on():
    with pytest.raises(UserError) as caught:
        run_fresh([sys.executable, "-m", "edge", "run", "/nowhere.mp4", "--model", "/nowhere"], 1)
    assert caught.value.problem.startswith("/nowhere.mp4: no such file")
    assert caught.value.remedy.startswith("give a camera, ")


@pytest.mark.parametrize("code", ["raise SystemExit(3)", "1 / 0", "import os; os.kill(os.getpid(), 9)"])
def test_any_other_failure_is_a_bug(code):
    with pytest.raises(RuntimeError, match="ended with status"):
        run_fresh(python(code), 1)


def test_a_command_that_hangs_is_ended_and_its_answer_is_that_it_hung():
    with pytest.raises(UserError, match="did not end within 1 s") as caught:
        run_fresh(python("import time; print(1, flush=True); time.sleep(600)"), 1, timeout=1)
    assert caught.value.remedy.startswith("leave it out")


def test_a_command_may_take_as_long_as_it_is_given():
    assert run_fresh(python("print(1)"), 1, timeout=600).first_line


def test_a_command_reads_what_its_feeder_writes_and_the_feeder_ends_with_it():
    endless = python("import sys\nwhile True: print('line')")
    usage = run_fresh(
        python("import sys; assert [sys.stdin.readline() for _ in range(3)] == ['line\\n'] * 3"), 1, endless
    )
    assert usage.status == 0


def test_a_function_is_called_in_a_fresh_process(bundle):
    answer, usage = call_fresh(run_scenes, bundle, "int8", 1, 320, cores=1)
    assert usage.load > 0
    assert set(answer) == {"found", "ms"}
    assert answer["ms"] > 0
