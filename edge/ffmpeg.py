"""The only place that imports PyAV, and OpenCV before it.

Both bring libraries of the X window system. Where PyAV's are loaded first, OpenCV's windows hang for ever
(opencv/opencv#29195, PyAV-Org/PyAV#978).

Raises:
    UserError: no PyAV can be imported, or it is too old, as the one may be that the system has for Picamera2.
"""

import cv2  # noqa: F401 - loaded before PyAV, see above

from edge.errors import UserError
from edge.machine import OLDEST_PYAV, release

try:
    import av
    from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc
except (
    ImportError,
    ValueError,
    AttributeError,
) as error:  # built for another numpy, a library that is missing, too old
    raise UserError(f"PyAV cannot be imported ({error})", "see 'emotion-edge doctor'") from error
if release(av.__version__) < OLDEST_PYAV:
    raise UserError(f"PyAV {av.__version__} is too old", "see 'emotion-edge doctor'")

__all__ = ["ColorPrimaries", "ColorRange", "ColorTrc", "av"]
