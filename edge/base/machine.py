"""Resources of this machine: cores, a display, cameras."""

import ctypes
import itertools
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edge.base.board import raspberry_pi
from edge.base.errors import UserError

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

LEAST_ADDRESS_SPACE = 600 << 20
"""Bytes that OpenCV and FFmpeg need to be loaded, of which they use a fraction; with less OpenCV crashes."""


def usable_cores() -> int:
    """Cores that this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spare_cores() -> int:
    """Threads for OpenCV: stages already run side by side, and more than the spare cores only take turns with them."""
    return max(1, usable_cores() - 1)


def check_memory_limit() -> None:
    """Refuse a limit on this process's address space in which its libraries crash while they are loaded.

    Raises:
        UserError: there is such a limit.
    """
    if resource is None:
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST_ADDRESS_SPACE:
        problem = f"the memory of this process is limited to {limit >> 20} MB of addresses"
        raise UserError(
            problem, f"allow at least {LEAST_ADDRESS_SPACE >> 20} MB by 'ulimit -v'; a run takes about 1200"
        )


def has_display() -> bool:
    """Return whether a window can be shown: OpenCV was built with windows, and a screen answers."""
    import cv2

    gui = [line for line in cv2.getBuildInformation().splitlines() if line.strip().startswith("GUI:")]
    if not gui or "NONE" in gui[0].upper():
        return False
    return sys.platform != "linux" or screen_size() is not None


def camera_devices() -> list[str]:
    """Video devices that the system shows, `/dev/video0` first."""
    return [str(p) for p in sorted(Path("/dev").glob("video*"), key=lambda p: (len(p.name), p.name))]


def closed_devices() -> list[str]:
    """Devices of cameras, and on a Raspberry Pi of libcamera's memory, that this user may not open."""
    heaps = Path("/dev/dma_heap").glob("*") if raspberry_pi() else ()  # which are root's alone elsewhere
    devices = [*map(Path, camera_devices()), *Path("/dev").glob("media*"), *heaps]
    return [str(device) for device in devices if not os.access(device, os.R_OK | os.W_OK)]


def users_of(device: str) -> list[str]:
    """Programs that have a device open, as `name (process number)`: of this user, and for root of everybody."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(file.readlink() == Path(device) for file in (process / "fd").iterdir()):
                found.append(f"{(process / 'comm').read_text().strip()} (process {process.name})")
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


OLDEST_PYAV = (18, 1)
"""The first release of PyAV that will do."""


def release(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, as far as they are numbers."""
    return tuple(int(part) for part in itertools.takewhile(str.isdecimal, version.split(".")))


def package_version(package: str) -> str:
    """Return the version of an installed package or module; `of unknown version` where there is none."""
    try:
        return version(package.replace("_", "-"))
    except PackageNotFoundError:
        return "of unknown version"


def screen_size() -> tuple[int, int] | None:
    """Width and height in pixels of the X screen that DISPLAY names; None where no X server answers.

    Asked before OpenCV does: its toolkit ends the whole process when the server is gone.
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
