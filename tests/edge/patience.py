"""Time limits of tests. On an emulated board everything takes longer, and `tests/boards/arm64.sh` asks for more."""

import os
import time
from collections.abc import Callable
from typing import Any

PATIENCE = float(os.environ.get("EMOTION_EDGE_PATIENCE", "1"))
"""By how many times every limit is longer."""

LONG = 60 * PATIENCE
"""Seconds for what has no promise of its own, but must come to an end."""

STOPPED_WITHIN = (2 + 3) * PATIENCE
"""The two seconds in which a run is promised to end, and more for a machine that is busy with other things."""


def patiently(asked: Callable[[], Any], seconds: float = 20.0) -> Any:
    """The first answer that counts as true; a test that waits for it in vain fails."""
    deadline = time.monotonic() + seconds * PATIENCE
    while not (answer := asked()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return answer
