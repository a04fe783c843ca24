"""The only place that imports PyAV, and OpenCV before it.

Both bring libraries of the X window system. Where PyAV's are loaded first, OpenCV's windows hang for ever
(opencv/opencv#29195, PyAV-Org/PyAV#978).

Raises:
    UserError: no PyAV can be imported, or it is too old, as the one may be that the system has for Picamera2.
"""

import ctypes
from contextlib import suppress
from pathlib import Path

import cv2  # noqa: F401 - loaded before PyAV, see above

from edge.base.errors import UserError, shortage
from edge.base.machine import OLDEST_PYAV, release

try:
    import av
    from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc
except (
    ImportError,
    ValueError,
    AttributeError,
) as error:  # built for another numpy, a library that is missing, too old
    problem = UserError(f"PyAV cannot be imported ({error})", "see 'emotion-edge doctor'")
    raise shortage(error) or problem from error
if release(av.__version__) < OLDEST_PYAV:
    raise UserError(f"PyAV {av.__version__} is too old", "see 'emotion-edge doctor'")

__all__ = ["ColorPrimaries", "ColorRange", "ColorTrc", "av", "limit_blocks"]

MAPPED = Path("/proc/self/maps")
"""The files that Linux has mapped into this process, a line each, the path last."""


def limit_blocks(limit: int) -> None:
    """Bound each block of memory that FFmpeg takes in this process, on Linux.

    Its parsers put together what has no end in sight: a picture of gigabytes, at the rate at which it is sent. FFmpeg
    has this limit for all of a process alone, and PyAV does not show it.
    """
    with suppress(OSError, AttributeError):
        path = next((line.split()[-1] for line in MAPPED.read_text().splitlines() if "/libavutil" in line), None)
        if path:
            ctypes.CDLL(path).av_max_alloc(ctypes.c_size_t(limit))
