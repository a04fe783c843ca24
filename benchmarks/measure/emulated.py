"""Instructions of a frame on the processors of boards, counted in an emulator.

The program is `tests/boards/recognize.py`: one face in pictures of 1280×720 in memory, as those of a camera, detected,
tracked, aligned, classified and smoothed on one thread. Nothing is decoded, and nothing written.
"""

import subprocess

from benchmarks.base.measurement import Measurement
from benchmarks.base.plan import Plan
from benchmarks.base.process import ROOT
from edge.base.errors import UserError
from edge.base.text_table import Column, Row
from edge.model.bundle import Bundle

EMULATED = ("cortex-a72", "cortex-a76")
"""Processors of a Raspberry Pi 4 and of a 5."""

SHORT, LONG = 15, 45
"""Frames of two runs, whose difference excludes the start: two rounds of a live picture's tiles, and five searches of
the whole picture."""

COUNTER = ROOT / "tests/boards/instructions.sh"

EMULATION_TIMEOUT = 7200
"""Seconds for each run; the first one builds the emulator and a Debian root."""


def measure_emulated(plan: Plan) -> list[Row]:
    """Count for the variant that ships; a row has `name`, the processor, and `instructions` of a frame.

    Raises:
        UserError: the script cannot run here; or it did not end.
    """
    rows: list[Row] = []
    for processor in EMULATED:
        short, long = (_emulated(plan.shipping, processor, frames) for frames in (SHORT, LONG))
        rows.append({"name": processor, "instructions": (long - short) // (LONG - SHORT)})
    return rows


def _emulated(bundle: Bundle, processor: str, frames: int) -> int:
    """Return the instructions of a run."""
    command = [str(COUNTER), processor, str(bundle.folder.resolve()), bundle.variant, str(frames)]
    remedy = "count where it can run, see docs/benchmarks.md"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=EMULATION_TIMEOUT, check=True)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"the emulator did not finish {frames} frames within {EMULATION_TIMEOUT} s", remedy) from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise UserError(f"{COUNTER.name} ended with status {error.returncode}: {reason}", remedy) from error
    return int(done.stdout)


BOARD_INSTRUCTIONS = Measurement(
    "emulated",
    measure_emulated,
    "**Instructions of a frame** of 1280×720 with one face, on one thread, without decoding, by emulated processors",
    (Column("processor", "name"), Column("million instructions", "instructions", ".1f", 1e-6)),
    {"instructions": -1},
)
