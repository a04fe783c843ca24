"""A board's condition: temperature, and whether it slows down to protect itself."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

THERMAL = Path("/sys/class/thermal")
FIRMWARE = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
"""File of newer kernels of a Raspberry Pi with the value of `vcgencmd get_throttled`."""

CPU_ZONES = ("cpu", "soc", "x86_pkg", "coretemp", "package")
"""Beginnings of the names of zones that are the processor's; others are batteries and radios."""

UNDERVOLTAGE, CAPPED, THROTTLED, SOFT_LIMIT = 1 << 0, 1 << 1, 1 << 2, 1 << 3
"""Bits of the firmware's answer for what is the case now; sixteen further up, for what has been."""

ASKING = 1.0
"""Seconds that `vcgencmd` gets to answer."""


MODEL = Path("/proc/device-tree/model")


@dataclass(frozen=True)
class Condition:
    """Condition of a board.

    Attributes:
        temperature: of the processor, degrees Celsius; None where nothing tells it.
        slowed: whether the firmware has lowered the clock because of heat or voltage.
        undervoltage: whether the power supply gives too little.
    """

    temperature: float | None = None
    slowed: bool = False
    undervoltage: bool = False


def raspberry_pi() -> bool:
    """Return whether this machine is a Raspberry Pi."""
    try:
        return MODEL.read_text().startswith("Raspberry Pi")
    except OSError:
        return False


def read_condition() -> Condition:
    """The board's condition now; what cannot be read is taken for well."""
    flags = _flags()
    return Condition(_temperature(), bool(flags & (CAPPED | THROTTLED | SOFT_LIMIT)), bool(flags & UNDERVOLTAGE))


def _temperature() -> float | None:
    """The hottest of the processor's zones."""
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
    """`throttled=0x50005` as a number."""
    try:
        return int(answer.partition("=")[2].strip(), 16)
    except ValueError:
        return 0
