"""Converts data sets that people download into the layout that training reads."""

import os

MAX_PIXELS = 32_000_000
"""Pixels of an image above which it is left out. Decoded it takes 96 MB, or four times as much on the way."""

# See edge/__init__.py: OpenCV reads this when it is loaded, and refuses a larger picture before it takes memory.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))
