"""The commands of `emotion-edge`."""

import argparse
import json
import logging
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2

from edge.app.demo import demo_clip
from edge.app.watchdog import Heartbeat, announced, notify_waiting
from edge.base.credentials import refuse_credentials
from edge.base.errors import UserError, needs_extra
from edge.base.files import resolved, whole_file, writing
from edge.base.machine import has_display, spare_cores
from edge.base.network import public
from edge.base.progress import Progress
from edge.base.run_statistics import summary_text
from edge.base.settings import Capture, EventLimits, Options, Smoothing
from edge.faces.recognizer import Recognizer
from edge.faces.results import FrameResult
from edge.outputs.annotated_images import AnnotatedImages
from edge.outputs.clock import Clock
from edge.outputs.lines import EventLines, JsonLines
from edge.outputs.video import AnnotatedVideo
from edge.outputs.window import Window, use_system_fonts
from edge.pipeline.channel import Closed
from edge.pipeline.faults import Faults, Tolerated, ToleratedEvents
from edge.pipeline.feed import FIRST_RETRY_DELAY, MAX_RETRY_DELAY, opened
from edge.pipeline.output import Output
from edge.pipeline.pipeline import Pipeline
from edge.pipeline.reload import Reloader
from edge.sources import PASSWORD, USER, Source, check_capture, is_recording, list_sources, open_source
from edge.sources.frame import Frame
from edge.sources.pictures import holds_images, open_images

if TYPE_CHECKING:  # their packages are extras
    from edge.outputs.prometheus import Metrics
    from edge.web.page import LivePage


log = logging.getLogger(__name__)

SIGNAL_INTERVAL = 0.05
"""Seconds after which the main thread looks at signals and the window again."""


def run(arguments: argparse.Namespace) -> int:
    """Recognize the faces of a source until it ends or somebody stops it."""
    if arguments.list_sources:
        return _print_sources()
    return _run(arguments, _capture(arguments), wait=arguments.wait_for_camera)


def predict(arguments: argparse.Namespace) -> int:
    """Print the record of each image; 2 where one that was named could not be read."""
    if arguments.recursive and not any(path.is_dir() for path in arguments.images):
        raise UserError("--recursive is for folders, and none is given", "leave it out")
    recognizer = Recognizer.from_options(_options(arguments))
    copies = None
    if arguments.output:
        copies = AnnotatedImages(arguments.output, arguments.images, recursive=arguments.recursive)
    failures: list[UserError] = []
    for frame in _images(arguments, failures):
        result = recognizer.recognize(frame)
        print(json.dumps(result.record()), flush=True)
        if copies:
            copies.write(result)
    for failure in failures:
        print(f"emotion-edge: {failure}", file=sys.stderr)
    return 2 if failures else 0


def _images(arguments: argparse.Namespace, failures: list[UserError]) -> Iterator[Frame]:
    """The images that are named and those of the folders that are named; what cannot be read is added to `failures`."""
    for path in arguments.images:
        try:
            source = open_images(path, recursive=arguments.recursive, strict=arguments.strict)
            yield from iter(source.read, None)
        except UserError as error:
            if arguments.strict:
                raise
            failures.append(error)


def analyze(arguments: argparse.Namespace) -> int:
    """Write a report of each video; 2 where something was wrong with one of them."""
    with needs_extra("analyze"):
        from edge.report.batch import analyze_videos
        from edge.report.job import Wanted
    wanted = Wanted(arguments.annotate, arguments.thumbnails, arguments.blur)
    failed = False
    with _signals(hangup_reloads=False) as signals:
        for outcome in analyze_videos(
            arguments.videos, arguments.output, _options(arguments), wanted, arguments.jobs, signals.stop
        ):
            failed |= outcome.failed
            if not outcome.failed:
                print(outcome.text, flush=True)
    return 2 if failed else 0


def demo(arguments: argparse.Namespace) -> int:
    """Run everything on the demo's clip: into files, or with `--web` in a loop on the live page."""
    arguments.source = str(demo_clip(arguments.directory))
    arguments.video = arguments.images = arguments.jsonl = arguments.events = arguments.summary = None
    arguments.mqtt = arguments.metrics = None
    arguments.window = False
    if arguments.web:
        return _run(arguments, Capture(realtime=True, loop=True), wait=False)
    arguments.video = arguments.directory / "result.mp4"
    arguments.jsonl = arguments.directory / "records.jsonl"
    arguments.events = arguments.directory / "events.jsonl"
    arguments.summary = arguments.directory / "summary.json"
    status = _run(arguments, Capture(), wait=False)
    print(f"open {arguments.video} in a video player; with --web the clip plays on a page in your browser")
    return status


def install_service(arguments: argparse.Namespace) -> int:
    """Show the unit that would keep a run going, and set it up for whoever agrees."""
    from edge.app import systemd  # which other systems than Linux cannot import

    systemd.check_systemd()
    refuse_credentials(arguments.run.source, USER, PASSWORD)
    check_capture(arguments.run.source, _capture(arguments.run))
    _check_outputs(arguments.run)
    _check_network(arguments.run)
    text = systemd.unit_for(arguments.run, arguments.words, _named_outputs(arguments.run), arguments.user)
    print(f"{systemd.UNIT} would be:\n\n{text}")
    if private := systemd.private_address(arguments.run.source):
        print(f"The whole address of {public(private)} would be in {systemd.SECRETS}, for root alone.")
    print(f"\nand then:\n{_lines(systemd.START)}")
    systemd.check_root()
    _agreed(arguments.yes)
    systemd.install(text, private)
    print(f"installed: 'systemctl status {systemd.SERVICE_NAME}' says how it is, records will be in {systemd.STATE}")
    return 0


def uninstall_service(arguments: argparse.Namespace) -> int:
    """Show what would be taken away, and take it away for whoever agrees."""
    from edge.app import systemd

    systemd.check_systemd()
    systemd.check_installed()
    print(_lines((*systemd.STOP, ("rm", str(systemd.UNIT)), *systemd.RELOAD)))
    systemd.check_root()
    _agreed(arguments.yes)
    systemd.uninstall()
    print(f"removed; kept: {systemd.STATE} and {systemd.SECRETS}, where they are")
    return 0


def _lines(commands: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"  {shlex.join(command)}" for command in commands)


def _agreed(yes: bool) -> None:
    """Go on where somebody wants it."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError("nobody is there to agree, nothing was done", "give --yes")
    if input("Do that? [y/N] ").strip().lower() not in ("y", "yes"):
        raise UserError("not agreed to, nothing was done", "answer y, or give --yes")


def _run(arguments: argparse.Namespace, capture: Capture, *, wait: bool) -> int:
    cv2.setNumThreads(spare_cores())
    _check_outputs(arguments)
    certificate = _certificate(arguments)
    if show := arguments.window and has_display():
        use_system_fonts()
    with ExitStack() as stack:
        signals = stack.enter_context(_signals())
        files = stack.enter_context(ExitStack())
        open_ = partial(open_source, arguments.source, capture, signals.stop)
        # First: without a camera nothing else matters.
        source = _waited_for(open_, signals) if wait else opened(open_, signals.stop)
        if source is None:
            return 0
        options = _options(arguments)
        try:
            # Before anything is started: hours of video must not end in a summary that cannot be written.
            summary_file = files.enter_context(whole_file(arguments.summary)) if arguments.summary else None
            recognizer = Recognizer.from_options(options)
            window = Window(_clock(arguments, source)) if show else None
            faults = Faults(recognizer.statistics)
            outputs = _outputs(arguments, source, recognizer, faults)
            # Last: whoever listens is not left behind by what goes wrong, nor is a token told for nothing.
            metrics = _metrics(arguments, recognizer, stack, faults) if arguments.metrics or arguments.web else None
            page = _live_page(arguments, options, metrics, certificate) if metrics and arguments.web else None
            if page:
                outputs.append(Tolerated(page, faults))
                stack.callback(page.close)
        except BaseException:
            source.close()
            raise
        # What another program wrote into a pipe cannot be read again.
        reopen = None if arguments.source == "-" else open_
        with (
            Pipeline(source, recognizer, outputs, reopen, _event_limits(arguments)) as pipeline,
            Reloader(signals.reload, partial(_reload_all, recognizer, page, options)),
            announced(pipeline.statistics) as heartbeat,
            _progress(arguments, source) as note,
        ):
            _watch(pipeline, signals, window, heartbeat, note, faults)
        summary = pipeline.statistics.summary()
        # Records on standard output stay alone there, for the next program in the pipe.
        terminal = sys.stderr if Path("-") in _named_outputs(arguments) else sys.stdout
        print(summary_text(summary), file=terminal)
        if summary_file:
            with writing(arguments.summary):
                summary_file.write_text(json.dumps(summary, indent=2) + "\n")
        files.close()
        print(_what_was_kept(arguments, show), file=terminal, flush=True)
        if source.damage:
            print(f"emotion-edge: {source.name}: {source.damage}; what could be read was kept", file=sys.stderr)
        if page and page.stays and not signals.stop.is_set():
            print(f"the recording has ended, {page.url} shows its last picture; Ctrl-C ends", file=sys.stderr)
            signals.stop.wait()
    return 2 if source.damage else 0


@contextmanager
def _progress(arguments: argparse.Namespace, source: Source) -> Iterator[Callable[[FrameResult], None]]:
    """Show how far a recording is that says how long it is; yields what each result is given to.

    Where a terminal shows records already, nothing is shown.
    """
    total = source.total or source.duration
    if not total or (Path("-") in _named_outputs(arguments) and sys.stderr.isatty()):
        yield lambda result: None
        return
    with Progress(source.name, total, "frames" if source.total else "s") as progress:
        first: float | None = None

        def note(result: FrameResult) -> None:
            nonlocal first
            first = result.frame.captured if first is None else first
            progress.update(result.frame.seq + 1 if source.total else result.frame.captured - first)

        yield note


def _clock(arguments: argparse.Namespace, source: Source) -> Clock:
    """Recordings show the time since their start, also where they are played like a camera."""
    return Clock(live=source.live and not is_recording(arguments.source))


def _print_sources() -> int:
    found = list_sources()
    for source, name in found:
        print(f"{source:<16}{name}")
    if not found:
        print("no camera; videos, images, folders and addresses work without", file=sys.stderr)
    return 0


def _waited_for(open_: Callable[[], Source], signals: "Signals") -> Source | None:
    """The source once it is there; None when stopped before."""
    pause = FIRST_RETRY_DELAY
    while True:
        try:
            return opened(open_, signals.stop)
        except UserError as error:
            log.warning("%s; waiting for it", error.problem)
        notify_waiting()
        if signals.stop.wait(pause):
            return None
        pause = min(2 * pause, MAX_RETRY_DELAY)


def _watch(
    pipeline: Pipeline,
    signals: "Signals",
    window: Window | None,
    heartbeat: Heartbeat,
    note: Callable[[FrameResult], None],
    faults: Faults,
) -> None:
    """The main thread's part: take results, show them where there is a window, and stop when somebody wants it."""
    with window or nullcontext():
        while True:
            try:
                result = pipeline.poll(SIGNAL_INTERVAL)
            except Closed:
                return
            with faults.tolerated("heartbeat"):
                heartbeat.look(time.monotonic())
            if result:
                with faults.tolerated("progress"):
                    note(result)
            if window and result:
                window.write(result)
            if window:
                window.poll()
            del result  # its frame may be large, and is of no use while the next one is waited for
            if window and window.closed:
                signals.stop.set()
            if signals.stop.is_set():
                pipeline.stop()


def _reload_all(recognizer: Recognizer, page: "LivePage | None", options: Options) -> None:
    recognizer.reload(options)
    if page:
        page.reload()


@dataclass(frozen=True)
class Signals:
    """Requests from outside: to stop, or to load the model anew."""

    stop: threading.Event = field(default_factory=threading.Event)
    reload: threading.Event = field(default_factory=threading.Event)


@contextmanager
def _signals(*, hangup_reloads: bool = True) -> Iterator[Signals]:
    """SIGINT and SIGTERM stop; the second interrupts, and what was half-written is removed. SIGHUP reloads or stops."""
    signals = Signals()

    def handle(number: int, frame: Any) -> None:
        if signals.stop.is_set():
            raise KeyboardInterrupt
        signals.stop.set()

    handlers: dict[int, Any] = {signal.SIGINT: handle, signal.SIGTERM: handle}
    if hasattr(signal, "SIGHUP"):  # Windows has none
        handlers[signal.SIGHUP] = (lambda number, frame: signals.reload.set()) if hangup_reloads else handle
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _capture(arguments: argparse.Namespace) -> Capture:
    return Capture(
        size=arguments.size,
        fps=arguments.fps,
        preview_side=arguments.detector_size or Capture.preview_side,
        controls=dict(arguments.control),
        rtsp_transport=arguments.rtsp_transport,
        pixel_format=arguments.pixel_format,
        live=arguments.live,
        decoder=arguments.decoder,
        recursive=arguments.recursive,
        strict=arguments.strict,
        realtime=_plays_in_real_time(arguments),
        loop=arguments.loop,
    )


def _plays_in_real_time(arguments: argparse.Namespace) -> bool:
    """Choose the pace: a recording that is shown plays at its own, one that is written gives every frame."""
    if arguments.realtime is not None:
        return bool(arguments.realtime)
    written = arguments.video or arguments.images or arguments.jsonl or arguments.events
    return is_recording(arguments.source) and bool(arguments.loop or (arguments.web and not written))


def _options(arguments: argparse.Namespace) -> Options:
    return Options(
        model=arguments.model,
        variant=arguments.variant,
        threads=arguments.threads,
        detector=arguments.detector,
        detector_size=arguments.detector_size,
        detect_interval=arguments.detect_interval_ms / 1000,
        max_classifications=getattr(arguments, "max_classifications", Options.max_classifications),
        max_faces=arguments.max_faces,
        smoothing=Smoothing(time_constant=arguments.smoothing_ms / 1000),
        personal_baseline=getattr(arguments, "personal_baseline", False),
    )


def _event_limits(arguments: argparse.Namespace) -> EventLimits:
    return EventLimits(arguments.event_min_ms / 1000, arguments.event_min_confidence)


def _check_outputs(arguments: argparse.Namespace) -> None:
    """No two things may be written to one file, and none over what is read."""
    taken = {resolved(Path(arguments.source))}
    for path in _named_outputs(arguments):
        place = path if str(path) == "-" else resolved(path)
        if place in taken:
            raise UserError(f"{path}: is read from or written to already", "give each output a place of its own")
        taken.add(place)


def _named_outputs(arguments: argparse.Namespace) -> list[Path]:
    named = (arguments.video, arguments.images, arguments.jsonl, arguments.events, arguments.summary)
    return [path for path in named if path]


def _what_was_kept(arguments: argparse.Namespace, shown: bool) -> str:
    if named := _named_outputs(arguments):
        return f"written: {', '.join(str(path) if str(path) != '-' else 'standard output' for path in named)}"
    if shown or arguments.web:
        return "shown, and nothing written"
    if arguments.mqtt or arguments.metrics:
        return "told to others, and nothing written"
    return "nothing was shown or kept: there is no window, and no --video, --jsonl or --web"


def _outputs(arguments: argparse.Namespace, source: Source, recognizer: Recognizer, faults: Faults) -> list[Output]:
    outputs: list[Output] = []
    if arguments.jsonl:
        outputs.append(JsonLines(arguments.jsonl, live=source.live))
    if arguments.events:
        outputs.append(EventLines(arguments.events, live=source.live))
    if arguments.video:
        clock = _clock(arguments, source)
        outputs.append(AnnotatedVideo(arguments.video, source.fps, live=source.live, clock=clock))
    if arguments.images:
        outputs.append(_annotated_images(arguments))
    if arguments.mqtt:
        with needs_extra("mqtt"):
            from edge.outputs.mqtt import HomeAutomation, parse_broker
        home = HomeAutomation(parse_broker(arguments.mqtt), recognizer.statistics, recognizer.classes)
        outputs.append(ToleratedEvents(home, faults))
    return outputs


def _annotated_images(arguments: argparse.Namespace) -> AnnotatedImages:
    if not holds_images(Path(arguments.source)):
        raise UserError(
            "--images is for images and folders of images, and the source is something else", "take --video"
        )
    if arguments.loop:
        raise UserError("--loop would write copies of the images without end", "leave out --loop or --images")
    return AnnotatedImages(arguments.images, [Path(arguments.source)], recursive=arguments.recursive)


def _metrics(arguments: argparse.Namespace, recognizer: Recognizer, stack: ExitStack, faults: Faults) -> "Metrics":
    """Return the metrics; where they have an address of their own, they are served there until the stack is left."""
    with needs_extra("metrics" if arguments.metrics else "web"):
        from edge.outputs.prometheus import Metrics
        from edge.web.exposition import ServedMetrics
    if not arguments.metrics:
        return Metrics(recognizer)
    served = ServedMetrics(recognizer, arguments.metrics)
    with faults.tolerated("metrics"):
        stack.enter_context(served)
    return served


def _live_page(
    arguments: argparse.Namespace, options: Options, metrics: "Metrics", certificate: tuple[Path, Path] | None
) -> "LivePage":
    with needs_extra("web"):
        from edge.web.page import LivePage
        from edge.web.token import token_file
    page = LivePage(
        arguments.web,
        options,
        metrics,
        certificate,
        proxied_as=arguments.web_host,
        stays=is_recording(arguments.source),
    )
    print(f"live page: {page.url}", file=sys.stderr)
    if page.new_token and sys.stderr.isatty():  # where nobody looks there is a log, which is no place for it
        print(f"its token, which is shown this once: {page.new_token}", file=sys.stderr)
    elif page.new_token:
        print(f"its token is in {token_file(os.environ)}", file=sys.stderr)
    return page


def _certificate(arguments: argparse.Namespace) -> tuple[Path, Path] | None:
    """The live page's, which without a page would be given for nothing."""
    if bool(arguments.web_cert) != bool(arguments.web_key):
        raise UserError("--web-cert and --web-key: one is missing", "give both, or none")
    for option, given in (("--web-cert", arguments.web_cert), ("--web-host", arguments.web_host)):
        if given and not arguments.web:
            raise UserError(f"{option} is for the live page, and there is none", "add --web, or leave it out")
    return (arguments.web_cert, arguments.web_key) if arguments.web_cert else None


def _check_network(arguments: argparse.Namespace) -> None:
    """See, without listening or connecting anywhere, that a run could have the outputs that it asks for."""
    if arguments.list_sources:
        raise UserError("--list-sources ends at once, which no service does", "leave it out")
    if arguments.mqtt:
        with needs_extra("mqtt"):
            from edge.outputs.mqtt import parse_broker
        parse_broker(arguments.mqtt)
    if arguments.metrics or arguments.web:
        with needs_extra("metrics" if arguments.metrics else "web"):
            import edge.outputs.prometheus
            import edge.web.exposition
    certificate = _certificate(arguments)
    if arguments.web:
        with needs_extra("web"):
            import edge.web.page  # noqa: F401
            from edge.web.server import check_certificate
        if certificate:
            check_certificate(*certificate)
