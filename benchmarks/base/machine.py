"""Description of the machine and its libraries."""

import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.base.board import read_condition
from edge.base.machine import package_version, usable_cores
from edge.model.interpreter import runtime

GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
BOARD = Path("/proc/device-tree/model")
CPU_INFO = Path("/proc/cpuinfo")
CPU_TIMES = Path("/proc/stat")

LISTEN = 1.0
"""Seconds for which others are watched. The load average would still count what ran here a minute ago."""


@dataclass(frozen=True)
class Machine:
    """Properties of a machine and its libraries that figures depend on.

    Attributes:
        board: name of a single-board computer, None elsewhere.
        cpu: the processor's name.
        architecture: as `uname -m` gives it.
        cores: logical processors of the machine.
        usable_cores: those that this process may run on.
        memory: bytes of RAM.
        os: name and version of the system.
        kernel: its version.
        governor: who chooses the clock rate, None where that cannot be read.
        busy: share of the processor time that others took just before anything was measured, 0 to 1; None where the
            system does not say.
        python: version.
        runtime: name and version of the TFLite runtime.
        opencv: version.
        numpy: version.
    """

    board: str | None
    cpu: str
    architecture: str
    cores: int
    usable_cores: int
    memory: int
    os: str
    kernel: str
    governor: str | None
    busy: float | None
    python: str
    runtime: str
    opencv: str
    numpy: str


def describe_machine() -> Machine:
    """Look at this machine.

    Raises:
        UserError: it has no TFLite runtime.
    """
    return Machine(
        board=_read(BOARD),
        cpu=_cpu(),
        architecture=platform.machine(),
        cores=os.cpu_count() or 1,
        usable_cores=usable_cores(),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        os=_system(),
        kernel=platform.release(),
        governor=_read(GOVERNOR),
        busy=_busy(),
        python=platform.python_version(),
        runtime=_runtime(),
        opencv=cv2.__version__,
        numpy=np.__version__,
    )


@dataclass(frozen=True)
class State:
    """Properties that change during a run.

    Attributes:
        governor: who chooses the clock rate, None where that cannot be read.
        temperature: of the processor, degrees Celsius; None where nothing tells it.
        slowed: whether a board has lowered its clock because of heat or voltage.
    """

    governor: str | None
    temperature: float | None
    slowed: bool


def current_state() -> State:
    """Look at the machine now."""
    condition = read_condition()
    return State(_read(GOVERNOR), condition.temperature, condition.slowed)


def can_restrict() -> bool:
    """Tell whether this system lets a process choose its cores."""
    return hasattr(os, "sched_setaffinity")


def _cpu() -> str:
    """The processor's name; 64-bit ARM kernels have none, there the board's name says it."""
    for line in (_read(CPU_INFO) or "").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _busy() -> float | None:
    """Share of processor time, of all cores together, that was neither idle nor spent on waiting for a disk."""
    before = _cpu_times()
    time.sleep(LISTEN)
    passed = _cpu_times() - before
    return round(float(1 - passed[3:5].sum() / passed.sum()), 3) if passed.any() else None


def _cpu_times() -> np.ndarray:
    """Ticks since the start: user, nice, system, idle, iowait, irq, softirq, steal; zeros where nobody counts."""
    first = (_read(CPU_TIMES) or "").split("\n")[0].split()
    return np.array([int(ticks) for ticks in first[1:9]] if len(first) > 8 else [0] * 8)


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"


def _runtime() -> str:
    package = runtime().split(".")[0].replace("_", "-")
    return f"{package} {package_version(package)}"


def _read(path: Path) -> str | None:
    """A small file of the kernel; None where there is no such file or nothing in it."""
    try:
        return path.read_text(errors="replace").strip("\0\n ") or None
    except OSError:
        return None
