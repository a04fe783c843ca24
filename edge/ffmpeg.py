"""The only place that imports PyAV, and OpenCV before it.

Both bring libraries of the X window system. Where PyAV's are loaded first, OpenCV's windows hang for ever
(opencv/opencv#29195, PyAV-Org/PyAV#978).
"""

import cv2  # noqa: F401, I001 - loaded before PyAV, see above
import av
from av.video.reformatter import ColorPrimaries, ColorRange, ColorTrc

__all__ = ["ColorPrimaries", "ColorRange", "ColorTrc", "av"]
