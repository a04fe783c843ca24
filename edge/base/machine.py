"""Resources of this machine: cores, a display, cameras."""

import ctypes
import itertools
import math
import os
import sys
from contextlib import suppress
from pathlib import Path

from edge.base.board import raspberry_pi
from edge.base.errors import UserError

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

LEAST_ADDRESS_SPACE = 600 << 20
"""Bytes of address space that loading OpenCV and FFmpeg takes; with less OpenCV crashes. Little of it is used."""

M_ARENA_MAX = -8
"""glibc's name for the largest number of heaps, see mallopt(3)."""

PR_SET_THP_DISABLE = 41
"""Linux's name for the switch of huge pages, see prctl(2)."""

CGROUPS = Path("/sys/fs/cgroup")
"""Folder in which Linux shows control groups of version 2."""

OWN_CGROUP = Path("/proc/self/cgroup")
"""File whose line `0::/…` names the control group of this process."""

OPENCV_FATAL = 1
"""OpenCV's log level for errors that end the process."""


def quiet_libraries() -> None:
    """Let OpenCV and its FFmpeg log only errors that end the process; others are reported by our own messages."""
    import cv2

    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    # OpenCV 5 moved the function.
    set_log_level = cv2.utils.logging.setLogLevel if hasattr(cv2.utils, "logging") else cv2.setLogLevel  # type: ignore[attr-defined]
    set_log_level(OPENCV_FATAL)


def share_heap() -> None:
    """Let all threads allocate from one heap of glibc; with one for each, a run takes 1.5 MB more and no less time."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").mallopt(M_ARENA_MAX, 1)


def use_one_blas_thread() -> None:
    """Keep numpy from starting a thread for each core, which spins at first; called before numpy is imported.

    Nothing here multiplies matrices that are large enough for them.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def use_small_pages() -> None:
    """Let Linux give this process memory in its smallest pages.

    x264 asks for pages of 2 MB, of which it leaves parts unused: 4 MB of a 3840×2160 video, which takes no more time
    without.
    """
    with suppress(OSError, AttributeError):  # another system
        ctypes.CDLL("libc.so.6").prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)


def usable_cores() -> int:
    """Return the number of cores that this process may use; in a container these may be fewer than the machine's."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return math.ceil(min(cores, cpu_quota()))


def cpu_quota() -> float:
    """Return the cores' worth of time that control groups allow this process; infinite where there is no limit."""
    try:
        lines = OWN_CGROUP.read_text().splitlines()
    except OSError:  # another system
        return math.inf
    own = CGROUPS / next((line for line in lines if line.startswith("0::")), "0::").removeprefix("0::").strip("/")
    return min(_quota(group / "cpu.max") for group in (own, *own.parents))


def _quota(file: Path) -> float:
    """Return the quota of one control group from a line such as `150000 100000` or `max 100000`, both microseconds."""
    try:
        quota, period = file.read_text().split()
        return int(quota) / int(period)
    except (OSError, ValueError):
        return math.inf


def spare_cores() -> int:
    """Return the number of threads for OpenCV: all cores but one, as the pipeline's stages run in parallel, too."""
    return max(1, usable_cores() - 1)


def check_memory_limit() -> None:
    """Refuse a limit on address space that is so low that libraries crash when they are loaded.

    Raises:
        UserError: there is such a limit.
    """
    if resource is None:
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST_ADDRESS_SPACE:
        problem = f"the address space of this process is limited to {limit >> 20} MB"
        raise UserError(
            problem, f"allow at least {LEAST_ADDRESS_SPACE >> 20} MB by 'ulimit -v'; a run takes about 1200"
        )


def has_display() -> bool:
    """Return whether a window can be shown: OpenCV was built with windows, and there is a screen."""
    import cv2

    gui = [line for line in cv2.getBuildInformation().splitlines() if line.strip().startswith("GUI:")]
    if not gui or "NONE" in gui[0].upper():
        return False
    return sys.platform != "linux" or screen_size() is not None


def camera_devices() -> list[str]:
    """Return the system's video devices, `/dev/video0` first."""
    return [str(p) for p in sorted(Path("/dev").glob("video*"), key=lambda p: (len(p.name), p.name))]


def closed_devices() -> list[str]:
    """Return the devices of cameras, and on a Raspberry Pi of libcamera's memory, that this user may not open."""
    heaps = Path("/dev/dma_heap").glob("*") if raspberry_pi() else ()  # on other machines only root may open these
    devices = [*map(Path, camera_devices()), *Path("/dev").glob("media*"), *heaps]
    return [str(device) for device in devices if not os.access(device, os.R_OK | os.W_OK)]


def users_of(device: str) -> list[str]:
    """Return programs that have a device open, as `name (process number)`; other users' programs only for root."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(file.readlink() == Path(device) for file in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()} (process {process.name})")
        except OSError:  # it has ended, or belongs to another user
            continue
    return found


OLDEST_PYAV = (18, 1)
"""The oldest release of PyAV that works."""


def release(version: str) -> tuple[int, ...]:
    """Return the leading numeric parts of a version."""
    return tuple(int(part) for part in itertools.takewhile(str.isdecimal, version.split(".")))


def package_version(package: str) -> str:
    """Return the version of an installed package or module, or `of unknown version`."""
    from importlib.metadata import PackageNotFoundError, version  # 1.5 MB, for a few that ask

    try:
        return version(package.replace("_", "-"))
    except PackageNotFoundError:
        return "of unknown version"


def screen_size() -> tuple[int, int] | None:
    """Return width and height in pixels of the X screen that DISPLAY names; None where no X server answers.

    Called before OpenCV opens a window, because its toolkit ends the process where there is no server.
    """
    if not os.environ.get("DISPLAY"):
        return None
    try:
        library = ctypes.CDLL("libX11.so.6")
    except OSError:
        return None
    library.XOpenDisplay.restype = ctypes.c_void_p
    for function in (library.XCloseDisplay, library.XDefaultScreen):
        function.argtypes = [ctypes.c_void_p]
    for function in (library.XDisplayWidth, library.XDisplayHeight):
        function.argtypes = [ctypes.c_void_p, ctypes.c_int]
    if not (display := library.XOpenDisplay(None)):
        return None
    screen = library.XDefaultScreen(display)
    size = library.XDisplayWidth(display, screen), library.XDisplayHeight(display, screen)
    library.XCloseDisplay(display)
    return size
