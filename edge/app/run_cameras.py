"""One run of several cameras: one model, one page, one broker connection and one file of records for all of them."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import cv2

from edge.app.camera_run import CameraRun
from edge.app.cameras import address, capture_of, check_cameras
from edge.app.followed_file import reloading
from edge.app.kept_pause import keep_pauses
from edge.app.off_hours import OffHours
from edge.app.run import tell_of, tell_summary
from edge.app.run_outputs import connect_cameras, serve_cameras, shared_outputs, what_was_kept
from edge.app.signals import Signals, handled_signals
from edge.app.watchdog import CamerasHeartbeat, announced
from edge.base.files import whole_file
from edge.base.machine import spare_cores
from edge.base.run_statistics import Statistics, summary_text
from edge.base.settings import Camera, Run
from edge.faces.networks import Networks
from edge.faces.recognizer import Recognizer
from edge.model.release import Releases
from edge.outputs.clock import Clock
from edge.outputs.rules.album import Album
from edge.outputs.shared import SharedOutput
from edge.outputs.video import AnnotatedVideo
from edge.pipeline.faults import Faults, ToleratedEvents
from edge.pipeline.gate import Gate, toggle
from edge.pipeline.governor import govern, recent_age
from edge.pipeline.output import Output
from edge.pipeline.reload import Reloader
from edge.sources import Source, is_recording, open_source

WATCH_INTERVAL = 0.1
"""Seconds after which the main thread looks at signals and cameras again."""

RECENT = 10.0
"""Seconds without a result after which a camera does not count for the governor."""

GOVERNOR_STOP_TIMEOUT = 0.2
"""Seconds to wait at the end for the governor, which may be reading the board's condition."""


def run_cameras(run: Run, reread: Callable[[], Run] | None = None) -> int:
    """Recognize the faces of several cameras until all have ended or somebody stops them; return the exit status.

    Args:
        run: settings.
        reread: reads the settings again on SIGHUP, if they come from a configuration file.

    Raises:
        UserError: the model or an output of all cameras cannot be had; an error of one camera ends that camera only.
    """
    cv2.setNumThreads(spare_cores())
    check_cameras(run)
    with ExitStack() as stack:
        signals = stack.enter_context(handled_signals())
        files = stack.enter_context(ExitStack())
        summary_file = files.enter_context(whole_file(run.outputs.summary)) if run.outputs.summary else None
        several = Several(run, signals.stop, stack)
        with several.running(), Reloader(signals.reload, several.reloading(reread)):
            _watch(several, signals)
        summary = several.summary()
        terminal = tell_summary(run, summary, _summary_text(summary), summary_file)
        files.close()
        print(what_was_kept(run, shown=False), file=terminal, flush=True)
    return several.status


@dataclass(frozen=True)
class _CameraParts:
    """Source and outputs of one camera; see `camera_run.Opens`."""

    run: Run
    camera: Camera
    stop: threading.Event
    shared: Sequence[Callable[[], Output]]

    def open(self) -> Source:
        return open_source(address(self.camera), capture_of(self.run, self.camera), self.stop, self.camera.name)

    def outputs(self, source: Source) -> Sequence[Output]:
        outputs = [make() for make in self.shared]
        if self.camera.video:
            clock = Clock(live=source.live and not is_recording(address(self.camera)))
            outputs.append(AnnotatedVideo(self.camera.video, source.fps, live=source.live, clock=clock))
        return outputs


class Several:
    """The cameras of a run and what they share.

    Attributes:
        statistics: of what is shared; each camera has its own as well.
        cameras: the cameras, by their names.
    """

    def __init__(self, run: Run, stop: threading.Event, stack: ExitStack) -> None:
        """Load the networks and open the shared outputs, which the stack closes.

        Raises:
            UserError: one of them cannot be had.
        """
        self._run, self._stop = run, stop
        self.statistics = Statistics()
        self._faults = Faults(self.statistics)
        self._networks = Networks.load(run.recognition)
        self.gates = {camera.name: Gate() for camera in run.camera}
        live = [camera.name for camera in run.camera if not is_recording(address(camera))]
        keep_pauses({name: self.gates[name] for name in live}, self._faults)
        self._hours = OffHours(self.gates, _off(run), self._faults)
        recognizers = {camera.name: Recognizer(self._networks, camera.recognition) for camera in run.camera}
        statistics = {name: recognizer.statistics for name, recognizer in recognizers.items()}
        sources = {name: (statistics[name], self.gates[name]) for name in statistics}
        self._broker = connect_cameras(run, self.statistics, self.classes, sources, self._faults, stack)
        if self._broker:
            self._broker.releases = lambda: self.releases
        album = Album(run.rule)
        outputs = shared_outputs(run, sources, self.statistics, self._faults, self._broker, album)
        shared = [SharedOutput(output) for output in outputs]
        self._page = serve_cameras(run, self, recognizers, self.gates, self._faults, stack, album)
        for output in shared:
            stack.enter_context(output)
        tell_of(self._page)
        self.cameras = {
            camera.name: CameraRun(
                camera.name,
                recognizers[camera.name],
                self.gates[camera.name],
                _CameraParts(run, camera, stop, [*(one.front for one in shared), *self._of_camera(camera.name)]),
                camera.events,
                stop,
                waits=camera.wait_for_camera or run.wait_for_camera,
            )
            for camera in run.camera
        }
        if self._broker:
            for name, one in self._broker.cameras.items():
                one.adjusts = self.cameras[name]

    def _of_camera(self, name: str) -> list[Callable[[], Output]]:
        """Return what makes the network outputs of a camera."""
        found: list[Callable[[], Output]] = []
        if broker := self._broker:
            found.append(lambda: ToleratedEvents(broker.cameras[name], self._faults))
        if page := self._page:
            found.append(lambda: ToleratedEvents(page.cameras[name], self._faults))
        return found

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the model's classes."""
        return self._networks.loaded.classes

    @property
    def releases(self) -> Releases:
        """See `Networks.releases`."""
        return self._networks.releases

    @property
    def identity(self) -> Mapping[str, str]:
        """Identity of the model, see `Bundle.identity`."""
        return self._networks.loaded.identity

    @property
    def ended(self) -> bool:
        """Return whether all cameras have ended."""
        return all(camera.ended for camera in self.cameras.values())

    @property
    def status(self) -> int:
        """The worst exit status of a camera."""
        return max(camera.status for camera in self.cameras.values())

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run all cameras; at the end of the block they are stopped and waited for."""
        governor = threading.Thread(target=self._govern, name="governor", daemon=True)
        with self._hours:
            for camera in self.cameras.values():
                camera.start()
            governor.start()
            try:
                yield
            finally:
                self._stop.set()
                for camera in self.cameras.values():
                    camera.stop()
                for camera in self.cameras.values():
                    camera.join()
                governor.join(GOVERNOR_STOP_TIMEOUT)

    def alive(self) -> list[Statistics]:
        """Return the statistics of the cameras whose source is open."""
        return [camera.statistics for camera in self.cameras.values() if camera.running]

    def summary(self) -> dict[str, Any]:
        """Return plain values for JSON: what is shared, and the summary of each camera by its name."""
        whole = {"counts": self.statistics.counts(), "states": self.statistics.states()}
        return whole | {"cameras": {name: camera.statistics.summary() for name, camera in self.cameras.items()}}

    def reloading(self, reread: Callable[[], Run] | None) -> Callable[[], None]:
        """Return the function that reads configuration file and model again."""
        return reloading(self._run, reread, self._adjust, self._networks.reload, self._page)

    def _adjust(self, run: Run) -> None:
        for settings in run.camera:
            camera = self.cameras[settings.name]
            camera.recognizer.set_options(settings.recognition)
            camera.event_limits = settings.events
        self._hours.set_off(_off(run))

    def _govern(self) -> None:
        """Run one governor for all cameras, which share a processor: by the highest frame age of any of them."""

        def age() -> float | None:
            active = [one for one in self.alive() if one.recent_fps(RECENT)]
            return max(filter(None, map(recent_age, active)), default=None)

        def set_level(level: int) -> None:
            for camera in self.cameras.values():
                camera.recognizer.set_load_level(level)

        govern(self.statistics, age, set_level, self._stop)


def _watch(several: Several, signals: Signals) -> None:
    """The main thread's part: pass signals on until all cameras have ended or the run was stopped."""
    with announced(several.statistics):
        heartbeat = CamerasHeartbeat()
        while not several.ended and not signals.stop.wait(WATCH_INTERVAL):
            heartbeat.update(time.monotonic(), several.alive())
            if signals.toggle.is_set():
                signals.toggle.clear()
                toggle(several.gates.values())


def _off(run: Run) -> dict[str, Any]:
    return {camera.name: camera.off for camera in run.camera}


def _summary_text(summary: Mapping[str, Any]) -> str:
    return "\n\n".join(f"{name}:\n{summary_text(camera)}" for name, camera in summary["cameras"].items())
