"""Loads the model anew when somebody asks, aside: frames go on meanwhile."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from edge.base.errors import UserError

log = logging.getLogger(__name__)

RELOAD_STOP_TIMEOUT = 0.4
"""Seconds that a load under way gets at the end; with those of the pipeline it is less than two."""


class Reloader:
    """The one thread that reloads, until it is left. What is asked for while it is at work is done once after that."""

    def __init__(self, asked: threading.Event, reload: Callable[[], None]) -> None:
        """Prepare.

        Args:
            asked: set by who wants a reload, perhaps a signal's handler; cleared here.
            reload: does it; UserError says that the old model stays.
        """
        self._asked, self._reload = asked, reload
        self._stopping = False
        # A daemon: a disk that hangs must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name="reload", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        self._asked.set()
        self._thread.join(RELOAD_STOP_TIMEOUT)
        if self._thread.is_alive():
            log.warning("the model is still being loaded after %.1f s, which is abandoned", RELOAD_STOP_TIMEOUT)

    def _run(self) -> None:
        while True:
            self._asked.wait()
            self._asked.clear()
            if self._stopping:
                return
            self._try()

    def _try(self) -> None:
        try:
            self._reload()
            log.warning("the model was loaded anew")
        except UserError as error:
            log.warning("the model stays as it was: %s", error)
        except Exception:
            log.exception("the model stays as it was")  # a bug, which ends neither the run nor the next attempt
