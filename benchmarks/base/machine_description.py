"""Description of the machine and its libraries."""

import os
import platform
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.base.board import CPU_INFO, read_condition
from edge.base.machine import package_version, usable_cores
from edge.model.interpreter import runtime

GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
BOARD = Path("/proc/device-tree/model")
CPU_TIMES = Path("/proc/stat")

LISTEN = 1.0
"""Seconds over which other programs' load is measured; the load average would include this program's last minute."""


def describe_machine() -> dict[str, Any]:
    """Properties of this machine that do not change during a run; see `benchmarks.base.record`."""
    package = runtime().split(".")[0].replace("_", "-")
    # 64-bit ARM kernels have no name of the processor; there the board's name says it.
    names = [line.partition(":")[2].strip() for line in _read(CPU_INFO).splitlines() if line.startswith("model name")]
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        system = f"{platform.system()} {platform.release()}"
    return {
        "board": _read(BOARD) or None,
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "cores": os.cpu_count() or 1,
        "usable_cores": usable_cores(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "os": system,
        "kernel": platform.release(),
        "governor": _read(GOVERNOR) or None,
        "busy": _busy(),
        "python": platform.python_version(),
        "runtime": f"{package} {package_version(package)}",
        "opencv": cv2.__version__,
        "numpy": np.__version__,
    }


def current_state() -> dict[str, Any]:
    """Properties of this machine that change during a run; see `benchmarks.base.record`."""
    condition = read_condition()
    return {"governor": _read(GOVERNOR) or None, "temperature": condition.temperature, "slowed": condition.slowed}


def _busy() -> float | None:
    """Share of the processor time of all cores that was neither idle nor spent waiting for a disk."""
    before = _cpu_times()
    time.sleep(LISTEN)
    passed = _cpu_times() - before
    return round(float(1 - passed[3:5].sum() / passed.sum()), 3) if passed.any() else None


def _cpu_times() -> np.ndarray:
    """Ticks since the start: user, nice, system, idle, iowait, irq, softirq, steal; zeros without a count."""
    ticks = _read(CPU_TIMES).partition("\n")[0].split()[1:9]
    return np.array([int(n) for n in ticks] if ticks else [0] * 8)


def _read(path: Path) -> str:
    """Return the text of a small kernel file; empty if it does not exist."""
    try:
        return path.read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""
