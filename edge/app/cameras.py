"""The cameras of a run with several: their settings, and mistakes in them."""

import os
from collections.abc import Iterator
from dataclasses import fields, replace

from edge.app.config import in_words_of_files
from edge.app.run_outputs import check_outputs
from edge.base.credentials import variable_ending
from edge.base.errors import UserError, raise_first
from edge.base.network import CAMERA_ADDRESS
from edge.base.settings import Camera, Capture, Run
from edge.sources import capture_conflicts, is_recording, supported

IN_CAMERA = "write it in [[camera]]"


def address(camera: Camera) -> str:
    """Return the source of a camera; an environment variable may have one that does not belong in a file."""
    return os.environ.get(CAMERA_ADDRESS + variable_ending(camera.name)) or camera.source


def capture_of(run: Run, camera: Camera) -> Capture:
    """Return what a camera is asked for: settings of all cameras count as far as its source supports them.

    A recording plays in real time, as the other cameras do, unless it is told not to.
    """
    side = camera.recognition.detector_size or camera.capture.preview_side
    realtime = True if camera.capture.realtime is None and is_recording(address(camera)) else camera.capture.realtime
    return supported(address(camera), replace(camera.capture, preview_side=side, realtime=realtime))


def check_cameras(run: Run) -> None:
    """Check the settings of a run with several cameras.

    Raises:
        UserError: two cameras or outputs are the same, or options do not go together.
    """
    raise_first(camera_conflicts(run))
    check_outputs(run)


def camera_conflicts(run: Run) -> Iterator[UserError]:
    """Yield errors about the cameras of a run; none where it has no `[[camera]]`."""
    if not run.camera:
        return
    if run.source != Run.source:
        yield UserError("source and [[camera]] are both given", f"leave one out, and {CAMERA_ADDRESS} as well")
    for flag, given in (("--video", run.outputs.video), ("--images", run.outputs.images)):
        if given:
            yield UserError(
                f"{flag} is for a run of one camera", f"{IN_CAMERA} as video" if flag == "--video" else "leave it out"
            )
    yield from _repeated(run)
    for number, camera in enumerate(run.camera, 1):
        for error in capture_conflicts(camera.source, _own_capture(run, camera)):
            yield UserError(f"camera[{number}].{in_words_of_files(error.problem)}", error.remedy)


def _repeated(run: Run) -> Iterator[UserError]:
    """Yield errors about names and sources that two cameras have; names differ in more than capitals and hyphens."""
    names, sources = set[str](), set[str]()
    for number, camera in enumerate(run.camera, 1):
        if (name := variable_ending(camera.name)) in names:
            yield UserError(f"camera[{number}].name: {camera.name} is another camera's", "give each a name of its own")
        if camera.source in sources:
            yield UserError(f"camera[{number}].source: is another camera's", "leave one of the two cameras out")
        names.add(name)
        sources.add(camera.source)


def _own_capture(run: Run, camera: Camera) -> Capture:
    """Return a camera's settings of its source, without those of the whole run."""
    defaults = Capture()
    shared = [
        one.name for one in fields(Capture) if getattr(camera.capture, one.name) == getattr(run.capture, one.name)
    ]
    return replace(camera.capture, **{name: getattr(defaults, name) for name in shared})
