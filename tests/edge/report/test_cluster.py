"""Archives on a Dask cluster of two workers, and what happens when parts of it break."""

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="pip install 'emotion-edge[cluster]'")
pytest.importorskip("pyarrow", reason="pip install 'emotion-edge[analyze]'")

import psutil

from edge.base.errors import UserError
from edge.base.listen import free_port
from edge.base.values import parse_cluster
from edge.report import cluster as cluster_module
from edge.report.cluster import run_on_cluster

from ..patience import LONG, patiently
from .killed import killed_by

ROOT = Path(__file__).parents[3]
SLOW = 4 * LONG
"""Seconds for a cluster, of which every process loads its libraries anew."""

pytestmark = [pytest.mark.usefixtures("yunet"), pytest.mark.slow]


def environment(*folders):
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (*folders, ROOT))), "DISPLAY": ""}


@pytest.fixture
def started():
    """`started(*words)` starts a program of this Python with `-m`; all are ended after the test."""
    processes = []

    def start(*words, **options):
        process = subprocess.Popen([sys.executable, "-m", *map(str, words)], **{"env": environment(), **options})
        processes.append(process)
        return process

    yield start
    for process in processes:
        for one in [*children(process), process]:
            if psutil.pid_exists(one.pid):
                os.kill(one.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def archive(write_clip, tmp_path):
    """Three short videos, and before them a long one that takes some seconds."""
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in "bcd":
        write_clip(videos / f"{name}.mp4", frames=4)
    write_clip(videos / "along.mp4", frames=6000)
    return tmp_path


@pytest.fixture
def begin(archive, bundle, started):
    """`begin(cluster)` starts the command over the archive; gives its process."""

    def begin(cluster, *words, **options):
        arguments = ("edge", "analyze", "videos", "--output", "out", "--model", bundle, "--cluster", cluster, *words)
        return started(*arguments, cwd=archive, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)

    return begin


def children(process):
    return psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []


def end_of(process):
    """Exit status, lines on standard output, and errors."""
    out, err = process.communicate(timeout=SLOW)
    assert "Traceback" not in err, err
    return process.returncode, out.splitlines(), err


def reports(archive):
    return {path.stem for path in (archive / "out").glob("[a-z]*.json")}


def is_begun(archive, name):
    return any((archive / "out").glob(f".{name}-*.csv"))


def task_processes(process):
    """Processes that do a task, below a process."""
    return [one for one in children(process) if "edge.report.task_loop" in one.cmdline()]


def test_two_workers_do_all_and_tell(begin, archive):
    (archive / "videos/broken.mp4").write_bytes(b"no video")
    status, lines, errors = end_of(begin("local:2"))
    assert status == 2
    assert sorted(line.partition(":")[0] for line in lines) == [
        f"videos/{name}.mp4" for name in ("along", "b", "c", "d")
    ]
    assert "videos/broken.mp4: not a video that can be decoded" in errors
    assert reports(archive) == {"along", "b", "c", "d"}
    assert (archive / "out/index.html").is_file()
    (archive / "videos/broken.mp4").unlink()
    status, lines, _ = end_of(begin("local:2"))
    assert (status, Counter("as it was" in line for line in lines)) == (0, {True: 4})


def test_a_worker_that_is_killed_loses_nothing(begin, archive):
    process = begin("local:2")
    patiently(lambda: is_begun(archive, "along"), SLOW)
    (task,) = task_processes(process)[:1]
    worker = psutil.Process(task.ppid())
    os.kill(worker.pid, signal.SIGKILL)
    patiently(lambda: not task.is_running() or task.status() == psutil.STATUS_ZOMBIE, LONG)
    status, lines, errors = end_of(process)
    assert status == 0, errors
    assert reports(archive) == {"along", "b", "c", "d"}
    assert len(lines) == 4, "nothing twice"
    assert not list((archive / "out").glob(".*"))


def test_a_video_that_kills_its_process_costs_itself_alone(begin, archive):
    hooks = killed_by("b.mp4", archive)
    status, lines, errors = end_of(begin("local:2", env=environment(hooks)))
    assert status == 2
    assert len(lines) == 3
    assert "videos/b.mp4: its process ended with status -9: check the file" in errors
    assert (archive / "out/b.error.txt").exists()
    status, lines, _ = end_of(begin("local:2"))
    assert (status, Counter("as it was" in line for line in lines)) == (0, {True: 3, False: 1})


def test_a_scheduler_that_is_lost_is_told_and_the_next_run_goes_on(begin, archive, started):
    port = free_port()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": archive}
    address = f"tcp://127.0.0.1:{port}"
    bind = ("--host", "127.0.0.1", "--port", port, "--no-dashboard")
    workers = ("distributed.cli.dask_worker", address, "--nworkers", 2, "--nthreads", 1, "--no-dashboard")

    scheduler = started("distributed.cli.dask_scheduler", *bind, **quiet)
    pool = started(*workers, **quiet)
    process = begin(address)
    patiently(lambda: is_begun(archive, "along") and reports(archive), SLOW)
    os.kill(scheduler.pid, signal.SIGKILL)
    scheduler.wait()
    status, lines, errors = end_of(process)
    assert status == 2
    assert f"{address}: the scheduler was lost; finished reports are kept" in errors
    done = reports(archive)
    assert {line.partition(":")[0] for line in lines} <= {f"videos/{name}.mp4" for name in done}
    for one in [*children(pool), pool]:
        if psutil.pid_exists(one.pid):
            os.kill(one.pid, signal.SIGKILL)
    pool.wait()

    started("distributed.cli.dask_scheduler", *bind, **quiet)
    started(*workers, **quiet)
    status, lines, errors = end_of(begin(address))
    assert status == 0, errors
    assert reports(archive) == {"along", "b", "c", "d"}
    assert Counter("as it was" in line for line in lines)[True] >= len(done)


def test_an_archive_that_is_started_twice_at_the_same_time_is_done_once(begin, archive):
    both = [begin("local:2"), begin("local:2")]
    said = [end_of(process) for process in both]
    assert [status for status, _, _ in said] == [0, 0]
    done_by = Counter(line.partition(":")[0] for _, lines, _ in said for line in lines if "as it was" not in line)
    assert sorted(done_by.values()) == [1, 1, 1, 1]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_and_one_that_cannot_be_written(begin, archive):
    (archive / "videos/along.mp4").unlink()
    end_of(begin("local:1"))
    pages = sum(-(-path.stat().st_size // 4096) for path in (archive / "out").rglob("*") if path.is_file())
    out = archive / "out"
    shutil.rmtree(out)
    out.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={3 * pages}k", "tmpfs", str(out)]).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        status, lines, errors = end_of(begin("local:2"))
        assert status == 2
        assert "No space left on device" in errors
        done = len(lines)
        assert done < 3
        subprocess.run(["mount", "-o", "remount,size=9m,ro", str(out)], check=True)
        assert end_of(begin("local:2"))[0] == 2
        subprocess.run(["mount", "-o", "remount,rw", str(out)], check=True)
        status, lines, _ = end_of(begin("local:2"))
        assert (status, Counter("as it was" in line for line in lines)[True]) == (0, done)
    finally:
        subprocess.run(["umount", str(out)], check=True)


def test_an_interruption_ends_all_processes(begin, archive):
    process = begin("local:2")
    patiently(lambda: is_begun(archive, "along"), SLOW)
    below = children(process)
    assert len(below) > 2
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SLOW)
    assert process.returncode == 130
    patiently(lambda: not [one for one in below if one.is_running() and one.status() != psutil.STATUS_ZOMBIE], LONG)


def test_no_scheduler_no_worker_and_another_version_are_told(monkeypatch, started, tmp_path):
    address = f"tcp://127.0.0.1:{free_port()}"
    monkeypatch.setattr(cluster_module, "SCHEDULER_TIMEOUT", 0.5)
    monkeypatch.setattr(cluster_module, "WORKERS_TIMEOUT", 0.5)
    with pytest.raises(UserError, match="no scheduler of Dask answers"):
        next(run_on_cluster([], address, None, None), None)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    place = ("--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--no-dashboard")
    started("distributed.cli.dask_scheduler", *place, **quiet)
    monkeypatch.setattr(cluster_module, "SCHEDULER_TIMEOUT", LONG)
    with pytest.raises(UserError, match="the cluster has no worker: start 'dask worker tcp:"):
        next(run_on_cluster([], address, None, None), None)
    monkeypatch.setattr(cluster_module, "WORKERS_TIMEOUT", LONG)
    started("distributed.cli.dask_worker", address, "--nthreads", 1, "--no-dashboard", **quiet)
    versions = iter(["0.0.1"])
    monkeypatch.setattr(cluster_module, "package_version", lambda package: next(versions, package))
    with pytest.raises(UserError, match=r"the worker .*, and here it is 0\.0\.1"):
        next(run_on_cluster([], address, None, None), None)


@pytest.mark.parametrize("text", ["local:2", "tcp://scheduler:8786", "tls://10.0.0.1:8786"])
def test_clusters_have_addresses(text):
    assert parse_cluster(text) == text


@pytest.mark.parametrize("text", ["local:", "local:0", "local", "http://a:1", "tcp://a", "tcp://user:pw@a:1", "a:8786"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match="is not a cluster"):
        parse_cluster(text)
