"""Condition of a board: temperature, throttling, undervoltage."""

import platform
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

THERMAL = Path("/sys/class/thermal")
FIRMWARE = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
"""File in which a Raspberry Pi's newer kernels give the value of `vcgencmd get_throttled`."""

CPU_ZONES = ("cpu", "soc", "x86_pkg", "coretemp", "package")
"""Prefixes of the thermal zones of processors; other zones are batteries and radios."""

UNDERVOLTAGE, CAPPED, THROTTLED, SOFT_LIMIT = 1 << 0, 1 << 1, 1 << 2, 1 << 3
"""Bits of the firmware's answer that describe the present; the same bits shifted by 16 describe the past."""

ASKING = 1.0
"""Timeout of `vcgencmd`, seconds."""


DEVICE_TREE_MODEL = Path("/proc/device-tree/model")
CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Condition:
    """Condition of a board.

    Attributes:
        temperature: processor temperature, degrees Celsius; None where the system does not report one.
        slowed: whether the firmware has lowered the clock because of heat or voltage.
        undervoltage: whether the supply voltage is too low.
    """

    temperature: float | None = None
    slowed: bool = False
    undervoltage: bool = False


def raspberry_pi() -> bool:
    """Return whether this machine is a Raspberry Pi."""
    try:
        return DEVICE_TREE_MODEL.read_text().startswith("Raspberry Pi")
    except OSError:
        return False


def processor_name() -> str:
    """Return the name of the board or, elsewhere, of the processor; empty where the system tells neither."""
    with suppress(OSError):
        return DEVICE_TREE_MODEL.read_text().strip("\0 \n")
    with suppress(OSError):
        lines = CPU_INFO.read_text().splitlines()
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return platform.processor()


def read_condition() -> Condition:
    """Return the board's present condition; values that cannot be read count as normal."""
    flags = _flags()
    return Condition(_temperature(), bool(flags & (CAPPED | THROTTLED | SOFT_LIMIT)), bool(flags & UNDERVOLTAGE))


def _temperature() -> float | None:
    """Return the temperature of the processor's hottest zone."""
    values = []
    for zone in THERMAL.glob("thermal_zone*"):
        try:
            if (zone / "type").read_text().strip().lower().startswith(CPU_ZONES):
                values.append(int((zone / "temp").read_text()) / 1000)
        except (OSError, ValueError):  # a zone may refuse to be read while it sleeps
            continue
    return max(values, default=None)


def _flags() -> int:
    try:
        return int(FIRMWARE.read_text(), 16)
    except (OSError, ValueError):
        pass
    if not (program := shutil.which("vcgencmd")):
        return 0
    return _parsed(_answer([program, "get_throttled"]))


def _answer(command: Sequence[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=ASKING, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _parsed(answer: str) -> int:
    """Parse `throttled=0x50005`; 0 where it cannot be parsed."""
    try:
        return int(answer.partition("=")[2].strip(), 16)
    except ValueError:
        return 0
