"""Tasks on a Dask cluster, which shares them out and starts those of a lost worker again."""

import logging
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from distributed import Client, Future, KilledWorker, LocalCluster
from distributed.comm import CommClosedError

from edge.base.errors import UserError
from edge.base.machine import package_version
from edge.base.values import LOCAL
from edge.report.progress import BatchProgress
from edge.report.task import Outcome, Task
from edge.report.task_process import do_task

SCHEDULER_TIMEOUT, WORKERS_TIMEOUT = 10.0, 60.0
"""Seconds for a scheduler to answer, and for a first worker to be there."""

CHECK_INTERVAL = 0.2
"""Seconds between two checks for signals and for the scheduler."""


def run_on_cluster(
    tasks: Sequence[Task], address: str, stop: threading.Event, progress: BatchProgress
) -> Iterator[Outcome]:
    """Do tasks on the workers of a cluster.

    Args:
        tasks: the tasks.
        address: address of a scheduler, or `local:` and a number of workers to start here.
        stop: ends the work when it is set; a worker finishes the video that it is at.
        progress: told of each task that has ended.

    Yields:
        The outcome of each task when it ends.

    Raises:
        UserError: no scheduler or worker answers, the scheduler is lost, or a worker has another version.
        KeyboardInterrupt: `stop` was set.
    """
    with _connected(address) as client:
        ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
        waiting: dict[Future, Task] = {}
        for task in tasks:
            future = client.submit(do_task, task, pure=False)
            waiting[future] = task
            future.add_done_callback(ended.put)
        while waiting:
            try:
                future = ended.get(timeout=CHECK_INTERVAL)
            except queue.Empty:
                if client.status != "running":
                    raise _lost(address) from None
            else:
                task = waiting.pop(future)
                progress.end(task.name)
                yield _outcome(future, task, address)
            if stop.is_set():
                client.cancel(list(waiting))
                raise KeyboardInterrupt


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    """Connect to a cluster with at least one worker, which is started here if it is local."""
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # lost workers and schedulers are told by outcomes
    with ExitStack() as stack:
        if address.startswith(LOCAL):
            workers = int(address.removeprefix(LOCAL))
            # Videos are decoded in processes of their own, whose memory a worker's limit does not know.
            cluster = LocalCluster(workers, threads_per_worker=1, memory_limit=None, dashboard_address="127.0.0.1:0")
            stack.enter_context(cluster)
            address = cluster.scheduler_address
        try:
            client = stack.enter_context(Client(address, timeout=SCHEDULER_TIMEOUT))
        except (OSError, ValueError) as error:  # no answer, or an address or certificate that is none
            raise UserError(
                f"{address}: no scheduler of Dask answers", "start 'dask scheduler' there, or use --cluster local:4"
            ) from error
        try:
            client.wait_for_workers(1, timeout=WORKERS_TIMEOUT)
        except TimeoutError as error:
            raise UserError(f"{address}: the cluster has no worker", f"start 'dask worker {address}'") from error
        _check_versions(client)
        yield client


def _check_versions(client: Client) -> None:
    """Refuse workers on which the tasks would be others than here."""
    ours = package_version("emotion-edge")
    found = client.run(package_version, "emotion-edge", on_error="return")
    for worker, version in found.items():
        if version != ours:
            what = f"has no emotion-edge ({version})" if isinstance(version, Exception) else f"has version {version}"
            raise UserError(f"{worker}: the worker {what}, and here it is {ours}", "install the same version on all")


def _outcome(future: Future, task: Task, address: str) -> Outcome:
    if future.status == "finished":
        try:
            outcome: Outcome = future.result()
        except CommClosedError as lost:  # it is fetched only now, and the scheduler has gone since
            raise _lost(address) from lost
        return outcome
    if future.status == "error":
        error = future.exception()
        if not isinstance(error, KilledWorker):
            raise error
        return Outcome(f"{task.name}: several workers were ended with this task: look at their logs", failed=True)
    raise _lost(address)


def _lost(address: str) -> UserError:
    return UserError(
        f"{address}: the scheduler was lost; finished reports are kept", "run the same command again when it is back"
    )
