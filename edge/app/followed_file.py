"""Changes of a configuration file while a run continues."""

import logging
from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, TypeVar

from edge.base.errors import UserError
from edge.base.options import build, declared
from edge.base.settings import ADJUSTABLE, ADJUSTABLE_IN_CAMERAS, NOT_IN_FILES, Camera, Options, Run

if TYPE_CHECKING:  # its packages are an extra
    from edge.web.live_page import LivePage

T = TypeVar("T", Run, Camera)

log = logging.getLogger(__name__)


class FollowedFile:
    """Configuration file of a run; what can be changed without a restart is adjusted when it is read again."""

    def __init__(self, run: Run, reread: Callable[[], Run], adjust: Callable[[Run], None]) -> None:
        """Prepare.

        Args:
            run: present settings.
            reread: returns the settings that hold now; raises UserError for mistakes.
            adjust: uses other settings; called with those of the run that have been changed where that is possible.
        """
        self._run, self._reread, self._adjust = run, reread, adjust

    def follow(self) -> None:
        """Read the file again, adjust the run, and log what was changed and what needs a restart."""
        try:
            wanted = self._reread()
        except UserError as error:
            log.warning("the options stay as they were: %s", error)
            return
        changed = differences(self._run, wanted)
        self._run = adjusted(self._run, wanted)
        self._adjust(self._run)
        left = differences(self._run, wanted)
        done = [name for name in changed if name not in left]
        parts = [f"changed: {', '.join(done) or 'nothing'}", f"needs a restart: {', '.join(left)}" if left else ""]
        log.warning("%s was read again; %s", self._run.config, "; ".join(filter(None, parts)))


def reloading(
    run: Run,
    reread: Callable[[], Run] | None,
    adjust: Callable[[Run], None],
    reload_model: Callable[[Options], None],
    page: "LivePage | None",
) -> Callable[[], None]:
    """Return the function that reads configuration file and model again.

    Args:
        run: present settings.
        reread: see `FollowedFile`; None where no file is followed.
        adjust: see `FollowedFile`.
        reload_model: loads the model again; raises UserError where the old one stays.
        page: the live page, which names the model.
    """
    file = FollowedFile(run, reread, adjust) if run.config and reread else None

    def reload() -> None:
        if file:
            file.follow()
        reload_model(run.recognition)
        if page:
            page.reload()

    return reload


def adjusted(run: Run, wanted: Run) -> Run:
    """Return a run with those settings of another that can be changed without a restart."""
    others = {camera.name: camera for camera in wanted.camera}
    cameras = tuple(_adjusted(camera, others.get(camera.name, camera), ADJUSTABLE_IN_CAMERAS) for camera in run.camera)
    return replace(_adjusted(run, wanted, ADJUSTABLE), camera=cameras)


def differences(run: Run, other: Run) -> list[str]:
    """Return the names of the settings that differ; those of cameras have the camera's name before them."""
    names = [setting.name for setting in declared(Run, (*NOT_IN_FILES, "camera"))]
    found = [name for name in names if attrgetter(name)(run) != attrgetter(name)(other)]
    ours, theirs = ({camera.name: camera for camera in one.camera} for one in (run, other))
    found += [f"camera {name}" for name in sorted(ours.keys() ^ theirs.keys())]
    for name in (name for name in ours if name in theirs):
        found += [f"{name}.{one}" for one in _CAMERA_NAMES if _differ(ours[name], theirs[name], one)]
    return found


_CAMERA_NAMES = [setting.name for setting in declared(Camera)]


def _adjusted(settings: T, wanted: T, adjustable: tuple[str, ...]) -> T:
    names = [setting.name for setting in declared(type(settings))]
    return build(
        type(settings),
        {name: attrgetter(name)(wanted if name.startswith(adjustable) else settings) for name in names},
    )


def _differ(one: Camera, other: Camera, name: str) -> bool:
    return bool(attrgetter(name)(one) != attrgetter(name)(other))
