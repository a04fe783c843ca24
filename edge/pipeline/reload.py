"""Reload of the model in the background, while frames continue."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from edge.base.errors import UserError

log = logging.getLogger(__name__)

RELOAD_STOP_TIMEOUT = 0.4
"""Seconds to wait at the end for a load in progress; with those of the pipeline, less than two."""


class Reloader:
    """Reload thread; requests that arrive during a reload are merged into one."""

    def __init__(self, asked: threading.Event, reload: Callable[[], None]) -> None:
        """Prepare.

        Args:
            asked: event that requests a reload, perhaps set by a signal handler; cleared here.
            reload: loads the model; raises UserError if the old model stays in use.
        """
        self._asked, self._reload = asked, reload
        self._stopping = False
        # A daemon, so that a hanging disk does not keep the process alive.
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
            log.exception("the model stays as it was")  # a bug, which must not end the run or prevent the next attempt
