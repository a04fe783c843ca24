"""Says how far the work is: a bar on a terminal, else a line now and then."""

import io
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from tqdm import tqdm

LINE_EVERY = 30.0
"""Seconds between two lines where there is no terminal."""

FORMAT = "{percentage:3.0f}% {desc}: {n_fmt} of {total_fmt}, {elapsed}, {remaining} left"


class Progress:
    """How many bytes of all videos are through: known of each before it is opened. A context manager."""

    def __init__(self, videos: dict[Path, int]) -> None:
        """`videos` are the bytes of each."""
        terminal = sys.stderr.isatty()
        self._bytes = videos
        self._shares = dict.fromkeys(videos, 0.0)
        self._ended = 0
        self._bar = _Bar(
            total=max(1, sum(videos.values())),
            unit="B",
            unit_scale=True,
            file=sys.stderr if terminal else _Lines(),
            mininterval=0.2 if terminal else LINE_EVERY,
            miniters=0,
            bar_format=f"{FORMAT} |{{bar}}|" if terminal else FORMAT,
            delay=0 if terminal else LINE_EVERY,
            leave=False,
        )
        self._describe()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def update(self, video: Path, share: float) -> None:
        """Note how much of a video is through, 0 to 1."""
        self._bar.update(self._bytes[video] * (share - self._shares[video]))
        self._shares[video] = share

    def end(self, video: Path) -> None:
        """Note that a video is through, whole or not."""
        self._ended += 1
        self._describe()
        self.update(video, 1.0)

    def tell(self, line: str) -> None:
        """Say something on stderr, above the bar."""
        _Bar.write(line, file=sys.stderr)

    def _describe(self) -> None:
        self._bar.set_description_str(f"{self._ended} of {len(self._bytes)} videos", refresh=False)


class _Bar(tqdm):
    monitor_interval = 0  # tqdm's own thread would outlive the bar


class _Lines(io.TextIOBase):
    """Takes what is meant to be drawn over and over, and gives it to stderr as lines."""

    def write(self, text: Any) -> int:
        if line := text.strip():
            sys.stderr.write(f"{line}\n")
        return len(text)
