"""Changes of a configuration file while a run continues."""

import logging
from collections.abc import Callable
from operator import attrgetter

from edge.base.errors import UserError
from edge.base.options import build, declared
from edge.base.settings import ADJUSTABLE, NOT_IN_FILES, Run
from edge.faces.recognizer import Recognizer
from edge.pipeline.pipeline import Pipeline

log = logging.getLogger(__name__)


class FollowedFile:
    """Configuration file of a run; what can be changed without a restart is adjusted when it is read again."""

    def __init__(self, run: Run, reread: Callable[[], Run], recognizer: Recognizer, pipeline: Pipeline) -> None:
        """Prepare.

        Args:
            run: present settings.
            reread: returns the settings that hold now; raises UserError for mistakes.
            recognizer: is adjusted.
            pipeline: is adjusted.
        """
        self._run, self._reread, self._recognizer, self._pipeline = run, reread, recognizer, pipeline

    def follow(self) -> None:
        """Read the file again, adjust the run, and log what was changed and what needs a restart."""
        try:
            wanted = self._reread()
        except UserError as error:
            log.warning("the options stay as they were: %s", error)
            return
        changed = differences(self._run, wanted)
        self._run = adjusted(self._run, wanted)
        self._recognizer.set_options(self._run.recognition)
        self._pipeline.set_event_limits(self._run.events)
        done = [name for name in changed if name.startswith(ADJUSTABLE)]
        left = [name for name in changed if not name.startswith(ADJUSTABLE)]
        parts = [f"changed: {', '.join(done) or 'nothing'}", f"needs a restart: {', '.join(left)}" if left else ""]
        log.warning("%s was read again; %s", self._run.config, "; ".join(filter(None, parts)))


def adjusted(run: Run, wanted: Run) -> Run:
    """Return a run with those settings of another that can be changed without a restart."""
    names = [setting.name for setting in declared(Run)]
    return build(Run, {name: attrgetter(name)(wanted if name.startswith(ADJUSTABLE) else run) for name in names})


def differences(run: Run, other: Run) -> list[str]:
    """Return the names of the settings that differ."""
    names = [setting.name for setting in declared(Run, NOT_IN_FILES)]
    return [name for name in names if attrgetter(name)(run) != attrgetter(name)(other)]
