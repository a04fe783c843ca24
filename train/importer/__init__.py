"""Convert downloaded data sets into the layout that training reads."""

import os

MAX_PIXELS = 32_000_000
"""Largest image that is imported, pixels. Decoded it takes 96 MB, and four times as much in between."""

# See edge/__init__.py: OpenCV reads this when it is loaded, and refuses a larger picture before it takes memory.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))
