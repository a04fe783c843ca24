"""Results of several pipelines as they come."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from edge.faces.results import FrameResult
from edge.pipeline.channel import Channel, Closed
from edge.pipeline.pipeline import STOP_TIMEOUT, Pipeline


def merged(pipelines: Sequence[Pipeline]) -> Iterator[FrameResult]:
    """Yield the results of running pipelines until all have ended; the caller's pace is that of all of them.

    Raises:
        Exception: the first error of a stage, as soon as it occurs.
    """
    results: Channel[FrameResult] = Channel(1, drop_oldest=False)
    errors: list[BaseException] = []
    takers = [_thread(_take, pipeline, results, errors) for pipeline in pipelines]
    closer = _thread(_close_after, takers, results)
    try:
        yield from results
        if errors:
            raise errors[0]
    finally:
        results.close(discard=True)
        for pipeline in pipelines:
            pipeline.stop()
        closer.join(STOP_TIMEOUT)


def _thread(run: Callable[..., None], *arguments: Any) -> threading.Thread:
    thread = threading.Thread(target=run, args=arguments, name="merging", daemon=True)
    thread.start()
    return thread


def _take(pipeline: Pipeline, results: Channel[FrameResult], errors: list[BaseException]) -> None:
    try:
        for result in pipeline:
            results.put(result)
    except Closed:
        pass
    except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
        errors.append(error)
        results.close()


def _close_after(takers: Sequence[threading.Thread], results: Channel[FrameResult]) -> None:
    for taker in takers:
        taker.join()
    results.close()
