"""The video beside its report, which seeks to what is clicked."""

import os
from html import escape
from pathlib import Path
from urllib.parse import quote

from edge.report.charts import clock

SOURCES = "'self' file: http: https:"
"""Sources of the video; for pages that are opened from a disk, 'self' is nothing."""

SEEKING_SCRIPT = """
const player = document.querySelector("video");
document.addEventListener("click", event => {
  const link = event.target.closest("[data-seek]");
  if (!link) return;
  event.preventDefault();
  player.currentTime = Number(link.dataset.seek);
  player.play().catch(() => {});
});
"""


class Player:
    """A player on a report's page, or none.

    Attributes:
        html: the player; empty for none.
        script, sources: script of the page, and sources of video that its policy must allow.
    """

    def __init__(self, address: str | None) -> None:
        """Play the video at an address relative to the page; None for no player."""
        self._address = address
        self.html, self.script, self.sources = "", "", "'none'"
        if address is not None:
            self.script, self.sources = SEEKING_SCRIPT, SOURCES
            self.html = (
                f'<div class="player"><video controls preload="metadata" src="{escape(address)}"></video>'
                "<p>A click on a time below goes there. Browsers play MP4 with H.264, and WebM.</p></div>"
            )

    def time(self, seconds: float) -> str:
        """Return a time as HTML, as a link to its place in the video where there is a player."""
        if self._address is None:
            return clock(seconds)
        place = f"{seconds:.2f}"
        return f'<a href="{escape(self._address)}#t={place}" data-seek="{place}">{clock(seconds)}</a>'


def relative_address(video: Path, page: Path) -> str:
    """Return the address of a video as a page can name it: relative, where both are on one disk."""
    try:
        return quote(Path(os.path.relpath(video.resolve(), page.resolve().parent)).as_posix())
    except ValueError:  # another drive of Windows
        return video.resolve().as_uri()
