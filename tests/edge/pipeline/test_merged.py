"""Results of several pipelines in one iteration."""

from contextlib import ExitStack

import pytest

from edge.pipeline.merged import merged
from edge.pipeline.pipeline import Pipeline

from ..stand_ins import ScriptedRecognizer, ScriptedSource
from .test_pipeline import StageError, fail_at

pytestmark = pytest.mark.usefixtures("no_threads_left")


def running(stack, *sources, **recognizer):
    named = enumerate(sources)
    return [stack.enter_context(Pipeline(s, ScriptedRecognizer(**recognizer), name=str(i))) for i, s in named]


def test_all_results_of_recordings_come_each_in_order():
    with ExitStack() as stack:
        found = list(merged(running(stack, ScriptedSource(40), ScriptedSource(10), ScriptedSource(0))))
    for name, total in (("0", 40), ("1", 10), ("2", 0)):
        assert [one.frame.seq for one in found if one.frame.source == name] == list(range(total))


def test_an_error_of_one_is_the_callers():
    with pytest.raises(StageError), ExitStack() as stack:
        list(merged(running(stack, ScriptedSource(10**9), ScriptedSource(10**9), on_detect=fail_at(5))))


def test_a_caller_that_leaves_early_stops_all():
    sources = [ScriptedSource(10**9), ScriptedSource(10**9)]
    with ExitStack() as stack:
        results = merged(running(stack, *sources))
        assert next(results).frame.seq == 0
        results.close()
    assert [source.closed for source in sources] == [1, 1]
