"""Resources of this machine."""

import os
import subprocess
import sys

import cv2
import pytest

from edge.base import machine
from edge.base.machine import camera_devices, has_display, spare_cores, usable_cores, use_one_blas_thread


@pytest.mark.parametrize(
    ("gui", "answers", "expected"),
    [
        pytest.param("QT5", True, True, id="a screen that answers"),
        pytest.param("QT5", False, False, id="none that answers"),
        pytest.param("NONE", True, False, id="a headless OpenCV"),
    ],
)
def test_a_window_needs_a_toolkit_and_a_screen(monkeypatch, gui, answers, expected):
    monkeypatch.setattr(machine.sys, "platform", "linux")
    monkeypatch.setattr(machine, "screen_size", lambda: (640, 480) if answers else None)
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: f"General\n  GUI:                {gui}\n  Media I/O:\n")
    assert has_display() is expected


@pytest.mark.parametrize("display", [None, "", ":77", "nowhere.invalid:0"])
def test_a_display_that_is_gone_is_noticed(monkeypatch, display):
    monkeypatch.delenv("DISPLAY", raising=False)
    if display is not None:
        monkeypatch.setenv("DISPLAY", display)
    assert machine.screen_size() is None


def test_devices_are_sorted_by_number(monkeypatch, tmp_path):
    for number in (10, 2, 0):
        (tmp_path / f"video{number}").touch()
    monkeypatch.setattr(machine, "Path", lambda _: tmp_path)
    assert camera_devices() == [str(tmp_path / f"video{number}") for number in (0, 2, 10)]


def test_devices_that_are_closed_to_this_user(monkeypatch):
    monkeypatch.setattr(machine, "camera_devices", lambda: ["/dev/video0", "/dev/video1"])
    monkeypatch.setattr(machine.os, "access", lambda path, mode: str(path) != "/dev/video1")
    assert machine.closed_devices() == ["/dev/video1"]


def test_there_is_a_core():
    assert usable_cores() >= 1


@pytest.mark.parametrize(
    ("own", "limits", "expected"),
    [
        pytest.param("0::/\n", {".": "200000 100000"}, 2, id="a container"),
        pytest.param("0::/\n", {".": "150000 100000"}, 2, id="a part of a core is one"),
        pytest.param("0::/\n", {".": "20000 100000"}, 1, id="less than a core"),
        pytest.param("0::/\n", {".": "1600000 100000"}, 8, id="more than the machine has"),
        pytest.param("0::/\n", {".": "max 100000"}, 8, id="no limit"),
        pytest.param("0::/a/b\n", {"a": "300000 100000", "a/b": "max 100000"}, 3, id="the limit of a group above"),
        pytest.param("0::/a/b\n", {"a": "300000 100000", "a/b": "100000 100000"}, 1, id="the lowest counts"),
        pytest.param("4:cpu:/x\n", {"x": "100000 100000"}, 8, id="version 1 only"),
        pytest.param("0::/a\n", {"a": "damaged"}, 8, id="a line of another kind"),
        pytest.param(None, {}, 8, id="another system"),
    ],
)
def test_a_quota_of_the_processor_counts_as_cores(monkeypatch, tmp_path, own, limits, expected):
    monkeypatch.setattr(machine.os, "sched_getaffinity", lambda process: range(8), raising=False)
    monkeypatch.setattr(machine, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "OWN_CGROUP", tmp_path / "own")
    if own is not None:
        (tmp_path / "own").write_text(own)
    for group, limit in limits.items():
        (tmp_path / "cgroup" / group).mkdir(parents=True, exist_ok=True)
        (tmp_path / "cgroup" / group / "cpu.max").write_text(f"{limit}\n")
    assert usable_cores() == expected


@pytest.mark.parametrize(("usable", "spare"), [(1, 1), (2, 1), (4, 3)])
def test_a_core_is_left_to_the_stages(monkeypatch, usable, spare):
    monkeypatch.setattr(machine, "usable_cores", lambda: usable)
    assert spare_cores() == spare


HEAPS = """
import ctypes, sys, threading
from edge.base.machine import share_heap

if sys.argv[1] == "shared":
    share_heap()
libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype, libc.stdout = ctypes.c_void_p, ctypes.c_void_p.in_dll(libc, "stdout")
thread = threading.Thread(target=libc.malloc, args=(1000,))
thread.start()
thread.join()
libc.malloc_info(0, libc.stdout)
libc.fflush(libc.stdout)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc is Linux's")
def test_threads_share_one_heap():
    def heaps(how):
        return subprocess.run([sys.executable, "-c", HEAPS, how], capture_output=True, text=True, check=True).stdout

    assert heaps("shared").count("<heap nr=") == 1
    assert heaps("as usual").count("<heap nr=") == 2


THREADS = """
import os, sys
from edge.app.cli import main

main(["config", "schema"])
print(len(os.listdir("/proc/self/task")), "numpy" in sys.modules, file=sys.stderr)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_numpy_starts_no_threads(monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    done = subprocess.run([sys.executable, "-c", THREADS], capture_output=True, text=True, check=True)
    assert done.stderr.split() == ["1", "True"]


def test_a_number_of_threads_that_was_told_is_kept(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    use_one_blas_thread()
    assert os.environ["OPENBLAS_NUM_THREADS"] == "3"


@pytest.mark.skipif(sys.platform != "linux", reason="huge pages are Linux's")
def test_a_process_is_given_small_pages():
    code = "from edge.base.machine import use_small_pages; use_small_pages(); print(open('/proc/self/status').read())"
    status = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    enabled = [line.split()[1] for line in status.splitlines() if line.startswith("THP_enabled:")]
    assert enabled in (["0"], []), "older kernels do not tell"
