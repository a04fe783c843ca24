"""One run, from the source to the summary."""

import json
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import cv2

from edge.app.followed_file import reloading
from edge.app.kept_pause import keep_pauses
from edge.app.run_outputs import check_outputs, clock, make_outputs, serve, what_was_kept
from edge.app.signals import Signals, handled_signals
from edge.app.watchdog import Heartbeat, announced, notify_waiting
from edge.base.errors import UserError
from edge.base.files import whole_file, writing
from edge.base.machine import has_display, spare_cores
from edge.base.network import public
from edge.base.progress import Progress
from edge.base.run_statistics import summary_text
from edge.base.settings import Capture, Run
from edge.faces.recognizer import Recognizer
from edge.faces.results import FrameResult
from edge.outputs.rules.album import Album
from edge.outputs.window import Window, use_system_fonts
from edge.pipeline.channel import Closed
from edge.pipeline.faults import Faults
from edge.pipeline.feed import opened, waited_for
from edge.pipeline.gate import Gate, toggle
from edge.pipeline.pipeline import Pipeline
from edge.pipeline.reload import Reloader
from edge.sources import Source, is_recording, open_source

if TYPE_CHECKING:  # its packages are an extra
    from edge.web.live_page import LivePage

log = logging.getLogger(__name__)

SIGNAL_INTERVAL = 0.05
"""Seconds after which the main thread looks at signals and the window again."""


def do_run(run: Run, reread: Callable[[], Run] | None = None) -> int:
    """Recognize the faces of a source until it ends or somebody stops it; return the exit status.

    Args:
        run: its settings.
        reread: reads the settings again on SIGHUP, if they come from a configuration file.

    Raises:
        UserError: the source, the model or an output cannot be had.
    """
    cv2.setNumThreads(spare_cores())
    check_outputs(run)
    if show := run.outputs.window and has_display():
        use_system_fonts()
    with ExitStack() as stack:
        signals = stack.enter_context(handled_signals())
        files = stack.enter_context(ExitStack())
        open_ = partial(open_source, run.source, capture(run), signals.stop)
        attempt = partial(opened, open_, signals.stop)
        # First: without a camera nothing else matters.
        source = waited_for(attempt, signals.stop, _tell_waiting) if run.wait_for_camera else attempt()
        if source is None:
            return 0
        try:
            # Before anything is started: hours of video must not end in a summary that cannot be written.
            summary_file = files.enter_context(whole_file(run.outputs.summary)) if run.outputs.summary else None
            recognizer = Recognizer.from_options(run.recognition)
            window = Window(clock(run, source)) if show else None
            faults, gate, album = Faults(recognizer.statistics), Gate(), Album(run.rule)
            if not is_recording(run.source):
                keep_pauses({public(run.source): gate}, faults)
            outputs, broker = make_outputs(run, source, recognizer, faults, gate, album)
            # Last: whoever listens is not left behind by what goes wrong, nor is a token told for nothing.
            page = serve(run, recognizer, outputs, faults, stack, gate, album)
            tell_of(page)
        except BaseException:
            source.close()
            raise
        # A pipe cannot be read a second time.
        reopen = None if run.source == "-" else open_
        with (
            Pipeline(source, recognizer, outputs, reopen, run.events, gate=gate) as pipeline,
            Reloader(signals.reload, _reload(run, reread, recognizer, pipeline, page)),
            announced(pipeline.statistics) as heartbeat,
            _progress(run, source) as note,
        ):
            if broker:
                broker.only.adjusts = pipeline
            _watch(pipeline, signals, window, heartbeat, note, faults)
        summary = pipeline.statistics.summary()
        terminal = tell_summary(run, summary, summary_text(summary), summary_file)
        files.close()
        print(what_was_kept(run, shown=show), file=terminal, flush=True)
        if source.damage:
            print(f"emotion-edge: {source.name}: {source.damage}; what could be read was kept", file=sys.stderr)
        if page and page.stays and not signals.stop.is_set():
            print(f"the recording has ended, {page.url} shows its last picture; Ctrl-C ends", file=sys.stderr)
            signals.stop.wait()
    return 2 if source.damage else 0


def capture(run: Run) -> Capture:
    """Return what the source is asked for, with what follows from other settings of the run."""
    side = run.recognition.detector_size or run.capture.preview_side
    return replace(run.capture, preview_side=side, realtime=_plays_in_real_time(run))


def _plays_in_real_time(run: Run) -> bool:
    """Choose the pace: a recording that is shown plays at its own, one that is written gives every frame."""
    if run.capture.realtime is not None:
        return run.capture.realtime
    outputs = run.outputs
    written = outputs.video or outputs.images or outputs.jsonl or outputs.events
    return is_recording(run.source) and bool(run.capture.loop or (run.page.address and not written))


def tell_of(page: "LivePage | None") -> None:
    """Print where the live page is, and its token where it is new."""
    if not page:
        return
    print(f"live page: {page.url}", file=sys.stderr)
    if page.new_token and sys.stderr.isatty():  # where nobody looks there is a log, which is no place for it
        print(f"its token, which is shown this once: {page.new_token}", file=sys.stderr)
    elif page.new_token:
        from edge.web.token import token_file

        print(f"its token is in {token_file(os.environ)}", file=sys.stderr)


def tell_summary(run: Run, summary: Mapping[str, Any], text: str, file: Path | None) -> TextIO:
    """Print the summary of a run, and write it to its file if it has one; return the stream for what follows it.

    Args:
        run: settings.
        summary: plain values for JSON.
        text: the same for people.
        file: temporary path of the file, which appears when the caller closes it; None for no file.

    Raises:
        UserError: it cannot be written.
    """
    # Records on standard output stay alone there, for the next program in the pipe.
    terminal = sys.stderr if Path("-") in run.outputs.paths else sys.stdout
    print(text, file=terminal)
    if file and run.outputs.summary:
        with writing(run.outputs.summary):
            file.write_text(json.dumps(summary, indent=2) + "\n")
    return terminal


@contextmanager
def _progress(run: Run, source: Source) -> Iterator[Callable[[FrameResult], None]]:
    """Show how far a recording is that says how long it is; yields what each result is given to.

    Where a terminal shows records already, nothing is shown.
    """
    total = source.total or source.duration
    if not total or (Path("-") in run.outputs.paths and sys.stderr.isatty()):
        yield lambda result: None
        return
    with Progress(source.name, total, "frames" if source.total else "s") as progress:
        first: float | None = None

        def note(result: FrameResult) -> None:
            nonlocal first
            first = result.frame.captured if first is None else first
            progress.update(result.frame.seq + 1 if source.total else result.frame.captured - first)

        yield note


def _tell_waiting(error: UserError) -> None:
    log.warning("%s; waiting for it", error.problem)
    notify_waiting()


def _watch(
    pipeline: Pipeline,
    signals: Signals,
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
                heartbeat.update(time.monotonic())
            if result:
                with faults.tolerated("progress"):
                    note(result)
            if window and pipeline.gate.paused:
                window.blank()
            elif window and result:
                window.write(result)
            if window:
                window.poll()
            del result  # its frame may be large, and is of no use while the next one is waited for
            if window and window.closed:
                signals.stop.set()
            if signals.toggle.is_set():
                signals.toggle.clear()
                toggle([pipeline.gate])
            if signals.stop.is_set():
                pipeline.stop()


def _reload(
    run: Run,
    reread: Callable[[], Run] | None,
    recognizer: Recognizer,
    pipeline: Pipeline,
    page: "LivePage | None",
) -> Callable[[], None]:
    """Return the function that reads configuration file and model again."""

    def adjust(changed: Run) -> None:
        recognizer.set_options(changed.recognition)
        pipeline.event_limits = changed.events

    return reloading(run, reread, adjust, recognizer.reload, page)
