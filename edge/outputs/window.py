"""A window with the annotated frames."""

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from edge.base.errors import UserError
from edge.base.machine import screen_size
from edge.faces.results import FrameResult
from edge.outputs.annotate import annotate
from edge.outputs.clock import Clock

SCREEN_SHARE = 0.9
"""Largest share of the screen's width and height for a new window; bars and borders need the rest."""

FONTS = Path("/usr/share/fonts")

ESCAPE = 27


class Window:
    """A window with the annotated frames. The main thread writes to it, as toolkits require.

    It opens with the first frame, in the size of the picture or as large as the screen allows, and keeps its ratio.

    Attributes:
        closed: whether the user has ended the run with `q`, Escape, or the window's close button.
    """

    name = "window"
    complete = True
    TITLE = "emotion-edge (q quits)"

    def __init__(self, clock: Clock) -> None:
        """Prepare; `clock` formats the time in the picture.

        Raises:
            UserError: PyAV was imported before OpenCV, whose windows then hang.
        """
        check_import_order()
        use_system_fonts()
        self.closed = False
        self._clock = clock
        self._size: tuple[int, int] | None = None
        self._blank = False

    def __enter__(self) -> Self:
        return self

    def write(self, result: FrameResult) -> None:
        """Show a frame in a window of its size; do nothing after the window was closed."""
        if self.closed:
            return
        if self._size != (size := (result.frame.width, result.frame.height)):
            self._open(size)
        status = f"{self._clock.text(result.frame.captured)}  {result.latency * 1000:.0f} ms"
        cv2.imshow(self.TITLE, annotate(result, status))
        self._blank = False

    def blank(self) -> None:
        """Take the picture away, while the camera is paused."""
        if self._size and not self._blank and not self.closed:
            cv2.imshow(self.TITLE, np.zeros((self._size[1], self._size[0], 3), np.uint8))
            self._blank = True

    def poll(self) -> None:
        """Let the toolkit work, and check whether the user ends the run."""
        if self._size is None:
            return
        key = cv2.pollKey() & 0xFF
        self.closed = self.closed or key in (ord("q"), ESCAPE) or not self._visible()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cv2.destroyAllWindows()

    def _visible(self) -> bool:
        try:
            return cv2.getWindowProperty(self.TITLE, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # Qt has ended with its last window
            return False

    def _open(self, size: tuple[int, int]) -> None:
        """Open the window, or resize it for pictures of another size."""
        if self._size is None:
            cv2.namedWindow(self.TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        cv2.resizeWindow(self.TITLE, *fitted(size, screen_size()))
        self._size = size


def fitted(size: tuple[int, int], screen: tuple[int, int] | None) -> tuple[int, int]:
    """Return width and height of a picture's window: those of the picture, or less on a small screen."""
    if screen is None:
        return size
    scale = min(1.0, *(SCREEN_SHARE * available / wanted for available, wanted in zip(screen, size, strict=True)))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def check_import_order() -> None:
    """Raise UserError if a window would hang because PyAV's copy of libxcb was loaded before OpenCV's.

    See opencv/opencv#29195. Modules are listed in the order in which their import ended or, for PyAV, began.
    """
    loaded = list(sys.modules)
    if sys.platform == "linux" and "av" in loaded and loaded.index("av") < loaded.index("cv2"):
        raise UserError(
            "no window can be shown: 'av' was imported before 'cv2', and OpenCV's windows hang then",
            "import cv2 first, or run with --no-window",
        )


def use_system_fonts() -> None:
    """Name Qt a folder with fonts: OpenCV's wheels name one that they lack, and Qt prints warnings about it.

    Call it before there are threads, which could read the environment while it changes.
    """
    named = os.environ.get("QT_QPA_FONTDIR")
    if named is None or Path(named).is_dir():
        return
    if font := next(FONTS.rglob("*.ttf"), None):
        os.environ["QT_QPA_FONTDIR"] = str(font.parent)
