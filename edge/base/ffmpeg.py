"""Import PyAV, and OpenCV before it; no other module imports PyAV.

Both bring libraries of the X window system. Where PyAV's are loaded first, OpenCV's windows hang
(opencv/opencv#29195, PyAV-Org/PyAV#978).

Raises:
    UserError: PyAV cannot be imported, or is too old, as the system's own may be beside Picamera2.
"""

import ctypes
from contextlib import suppress
from pathlib import Path

import cv2  # noqa: F401 - loaded before PyAV, see above

from edge.base.errors import UserError, shortage
from edge.base.machine import OLDEST_PYAV, release

try:
    import av
    from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
except (
    ImportError,
    ValueError,
    AttributeError,
) as error:  # built for another numpy, a library that is missing, too old
    problem = UserError(f"PyAV cannot be imported ({error})", "see 'emotion-edge doctor'")
    raise shortage(error) or problem from error
if release(av.__version__) < OLDEST_PYAV:
    raise UserError(f"PyAV {av.__version__} is too old", "see 'emotion-edge doctor'")

__all__ = ["ColorPrimaries", "ColorRange", "ColorTrc", "Colorspace", "VideoReformatter", "av", "limit_blocks"]

MAPPED = Path("/proc/self/maps")
"""Files mapped into this process on Linux, one a line; the path is last."""


def limit_blocks(limit: int) -> None:
    """Limit each block of memory that FFmpeg allocates in this process; Linux only.

    Its parsers would buffer a picture of gigabytes as it arrives. FFmpeg has this limit for a whole process only, and
    PyAV does not expose it.
    """
    with suppress(OSError, AttributeError):
        path = next((line.split()[-1] for line in MAPPED.read_text().splitlines() if "/libavutil" in line), None)
        if path:
            ctypes.CDLL(path).av_max_alloc(ctypes.c_size_t(limit))
