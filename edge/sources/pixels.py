"""Pixels of a picture, of which BGR is made on demand, in the requested part and size.

A decoder gives brightness in full and colour at half the width and height (4:2:0): half the bytes of BGR, and most
pictures are only searched at a small size and looked at around faces.
"""

import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, Self

import cv2
import numpy as np

from edge.base.geometry import Area


class Pixels(Protocol):
    """The pixels of one picture.

    Attributes:
        nbytes: bytes that are held.
    """

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def nbytes(self) -> int: ...

    def bgr(self) -> np.ndarray:
        """Return the whole picture, uint8 BGR `[h, w, 3]`, which all callers share."""
        ...

    def part(self, area: Area, size: tuple[int, int], interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
        """Return a part of the picture scaled to `size` (width, height), uint8 BGR `[h, w, 3]`, for reading only."""
        ...

    def sample(self, step: int) -> np.ndarray:
        """Return every `step`-th pixel in both directions, to compare pictures by; a view."""
        ...

    def copy(self) -> Self:
        """Return a copy that can be drawn on."""
        ...

    def drawing(self, area: Area) -> AbstractContextManager[np.ndarray]:
        """Yield a part of the picture as uint8 BGR; what is drawn on it is put into the picture at the end."""
        ...


class BgrPixels:
    """An uint8 BGR image `[h, w, 3]`, as it is."""

    def __init__(self, image: np.ndarray) -> None:
        self._image = image
        self.height, self.width = image.shape[:2]
        self.nbytes = image.nbytes

    def bgr(self) -> np.ndarray:
        return self._image

    def part(self, area: Area, size: tuple[int, int], interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
        part = self._image[area.rows, area.columns]
        return part if size == area.size else cv2.resize(part, size, interpolation=interpolation)

    def sample(self, step: int) -> np.ndarray:
        return self._image[::step, ::step]

    def copy(self) -> "BgrPixels":
        return BgrPixels(self._image.copy())

    @contextmanager
    def drawing(self, area: Area) -> Iterator[np.ndarray]:
        yield self._image[area.rows, area.columns]


def _from_rgb(red: float, blue: float) -> np.ndarray:
    """Return the matrix from RGB to YUV for the shares of red and blue in the brightness."""
    green = 1 - red - blue
    brightness = np.array((red, green, blue))
    rgb = np.eye(3)
    return np.stack([brightness, (rgb[2] - brightness) / (2 - 2 * blue), (rgb[0] - brightness) / (2 - 2 * red)])


# By OpenCV: the first use of NumPy's linear algebra takes a megabyte.
TO_BT709 = cv2.solve(_from_rgb(0.2126, 0.0722), _from_rgb(0.299, 0.114))[1][::-1, ::-1]
"""Correction of BGR that was made of BT.709 planes by OpenCV, which knows BT.601 only."""

FROM_BT709 = cv2.invert(TO_BT709)[1]

CONVERTED_ROWS = 256
"""Rows that are converted at a time; an even number."""


class YuvPixels:
    """The three planes of a decoded frame, 8 bits, limited range.

    Attributes:
        bt709: whether their matrix is that of BT.709, as of most HD video, not BT.601.
    """

    def __init__(self, y: np.ndarray, u: np.ndarray, v: np.ndarray, *, bt709: bool = False) -> None:
        """Take the planes: `y` uint8 `[h, w]`, and `u` and `v` half as high and wide, rounded up."""
        self.planes, self.bt709 = (y, u, v), bt709
        self.height, self.width = y.shape
        self.nbytes = y.size + u.size + v.size
        self._bgr: weakref.ref[np.ndarray] | None = None

    @classmethod
    def packed(cls, planes: np.ndarray, *, bt709: bool = False) -> "YuvPixels":
        """Return planes that lie one behind the other in uint8 `[h * 3 / 2, w]`."""
        return cls(*_planes(planes), bt709=bt709)

    def bgr(self) -> np.ndarray:
        image = self._bgr() if self._bgr else None
        if image is None:  # kept as long as a caller holds it
            image = self.part(Area(0, 0, self.width, self.height), (self.width, self.height))
            self._bgr = weakref.ref(image)
        return image

    def part(self, area: Area, size: tuple[int, int], interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
        width, height = size
        packed = np.empty((_even(height) * 3 // 2, _even(width)), np.uint8)
        y, u, v = _planes(packed)
        colour = area.halved()
        cv2.resize(self.planes[0][area.rows, area.columns], size, dst=y[:height, :width], interpolation=interpolation)
        for plane, small in zip(self.planes[1:], (u, v), strict=True):
            part = plane[colour.rows, colour.columns]
            cv2.resize(part, small.shape[::-1], dst=small)
        image = cv2.cvtColor(packed, cv2.COLOR_YUV2BGR_I420)
        if self.bt709:
            image = cv2.transform(image, TO_BT709)
        return image if image.shape[:2] == (height, width) else np.ascontiguousarray(image[:height, :width])

    def sample(self, step: int) -> np.ndarray:
        return self.planes[0][::step, ::step]

    def copy(self) -> "YuvPixels":
        return YuvPixels(*(plane.copy() for plane in self.planes), bt709=self.bt709)

    @contextmanager
    def drawing(self, area: Area) -> Iterator[np.ndarray]:
        whole = Area(area.left & ~1, area.top & ~1, _even(area.right), _even(area.bottom))
        whole = whole.within(self.width, self.height)
        image = self.part(whole, whole.size)
        yield image[area.top - whole.top : area.bottom - whole.top, area.left - whole.left : area.right - whole.left]
        self._put(image, whole)

    def fill(self, other: Pixels) -> None:
        """Replace the picture by another, repeating the last row or column of one that has one less."""
        if isinstance(other, YuvPixels) and other.bt709 == self.bt709:
            for plane, source in zip(self.planes, other.planes, strict=True):
                height, width = source.shape
                plane[:height, :width] = source
                plane[:height, width:] = source[:, width - 1 :]
                plane[height:] = plane[height - 1]
        else:
            image = other.bgr()
            bottom, right = self.height - other.height, self.width - other.width
            if bottom or right:
                image = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
            for top in range(0, self.height, CONVERTED_ROWS):
                area = Area(0, top, self.width, min(top + CONVERTED_ROWS, self.height))
                self._put(image[area.rows], area)

    def _put(self, image: np.ndarray, area: Area) -> None:
        """Replace a part of the picture, whose left and upper edges are even, by uint8 BGR of its size."""
        if self.bt709:
            image = cv2.transform(image, FROM_BT709)
        if area.height % 2 or area.width % 2:
            image = cv2.copyMakeBorder(image, 0, area.height % 2, 0, area.width % 2, cv2.BORDER_REPLICATE)
        y, u, v = _planes(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420))
        colour = area.halved()
        self.planes[0][area.rows, area.columns] = y[: area.height, : area.width]
        self.planes[1][colour.rows, colour.columns] = u
        self.planes[2][colour.rows, colour.columns] = v


def _planes(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return views of planes that lie one behind the other in uint8 `[h * 3 / 2, w]`."""
    height, width = packed.shape[0] * 2 // 3, packed.shape[1]
    u, v = packed[height:].reshape(2, height // 2, width // 2)
    return packed[:height], u, v


def _even(length: int) -> int:
    return length + length % 2
