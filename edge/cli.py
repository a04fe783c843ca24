"""The command line of the edge: `emotion-edge run | predict | demo | doctor`."""

import argparse
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import cv2

from edge.bundle import DEFAULT_BUNDLE, VARIANTS
from edge.channel import Closed
from edge.demo import write_demo_clip
from edge.detect import DETECTORS
from edge.doctor import examine, has_display, report
from edge.errors import UserError, exit_on_user_error
from edge.files import write_whole
from edge.outputs import AnnotatedVideo, JsonLines, Output, Window
from edge.pipeline import Pipeline
from edge.recognize import Options, Recognizer
from edge.smooth import Smoothing
from edge.sources import Source, open_source
from edge.statistics import summary_text

OPENCV_ERRORS = 2
"""OpenCV's log level at which only errors are reported."""

POLL = 0.05
"""Seconds after which the main thread looks at signals and the window again."""


def run(arguments: argparse.Namespace) -> int:
    """Recognize the faces of a source until it ends or somebody stops it."""
    source = open_source(arguments.source)  # first: without a camera nothing else matters
    try:
        recognizer = Recognizer.from_options(_options(arguments))
    except UserError:
        source.close()
        raise
    outputs = _outputs(arguments, source)
    with Pipeline(source, recognizer, outputs, reopen=lambda: open_source(arguments.source)) as pipeline:
        _watch(pipeline, arguments.window and has_display())
    summary = pipeline.statistics.summary()
    if arguments.summary:
        write_whole(arguments.summary, json.dumps(summary, indent=2) + "\n")
    # Records on standard output stay alone there, for the next program in the pipe.
    print(summary_text(summary), file=sys.stderr if str(arguments.jsonl) == "-" else sys.stdout)
    return 0


def predict(arguments: argparse.Namespace) -> int:
    """Print the record of each image."""
    for path in arguments.images:
        # A new recognizer's state for each: pictures on a command line are not one another's past.
        recognizer = Recognizer.from_options(_options(arguments))
        source = open_source(path)
        with Pipeline(source, recognizer) as pipeline:
            for result in pipeline:
                print(json.dumps(result.record()))
    return 0


def demo(arguments: argparse.Namespace) -> int:
    """Run everything on a clip made from a public-domain portrait."""
    clip = arguments.directory / "clip.mp4"
    write_demo_clip(clip)
    arguments.source = str(clip)
    arguments.output = arguments.directory / "result.mp4"
    arguments.jsonl = arguments.directory / "records.jsonl"
    arguments.summary = arguments.directory / "summary.json"
    arguments.window = False
    status = run(arguments)
    print(f"look at {arguments.output}; the records are in {arguments.jsonl}, the summary in {arguments.summary}")
    return status


def doctor(arguments: argparse.Namespace) -> int:
    """Say what of the machine is ready; 2 when recognition cannot run."""
    findings = examine(arguments.model)
    print(report(findings))
    return 0 if all(f.ready for f in findings if f.needed) else 2


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    arguments = _parser().parse_args(argv)
    logging.basicConfig(
        format="%(levelname)s %(message)s", level=logging.INFO if arguments.verbose else logging.WARNING
    )
    _quiet_libraries()
    try:
        return exit_on_user_error(lambda: arguments.command(arguments))
    except BrokenPipeError:
        # The next program in the pipe has seen enough. Without this, Python complains when it flushes at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _watch(pipeline: Pipeline, show: bool) -> None:
    """The main thread's part: take results, show them where there is a window, and pass a stop on."""
    with ExitStack() as stack:
        stop = stack.enter_context(_stop_signals())
        window = stack.enter_context(Window()) if show else None
        while True:
            try:
                result = pipeline.poll(POLL)
            except Closed:
                return
            if window and result:
                window.write(result)
            if window:
                window.poll()
            if stop.is_set() or (window and window.closed):
                pipeline.stop()


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set; a second signal acts as if there were no handler."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def handle(number: int, frame: Any) -> None:
        stop.set()
        restore()

    for number in before:
        signal.signal(number, handle)
    try:
        yield stop
    finally:
        restore()


def _options(arguments: argparse.Namespace) -> Options:
    return Options(
        model=arguments.model,
        variant=arguments.variant,
        threads=arguments.threads,
        detector=arguments.detector,
        detector_side=arguments.detector_side,
        smoothing=Smoothing(time_constant=arguments.smoothing_ms / 1000),
    )


def _outputs(arguments: argparse.Namespace, source: Source) -> list[Output]:
    outputs: list[Output] = []
    if arguments.jsonl:
        outputs.append(JsonLines(arguments.jsonl, live=source.live))
    if arguments.output:
        outputs.append(AnnotatedVideo(arguments.output, source.fps))
    return outputs


def _quiet_libraries() -> None:
    """What users must know comes as our own message; the libraries' greetings and warnings only hide it."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    # OpenCV 5 moved the function.
    set_log_level = cv2.utils.logging.setLogLevel if hasattr(cv2.utils, "logging") else cv2.setLogLevel  # type: ignore[attr-defined]
    set_log_level(OPENCV_ERRORS)
    # Stages already run side by side; threads of OpenCV beyond the spare cores only take turns with them.
    cv2.setNumThreads(max(1, _usable_cores() - 1))


def _usable_cores() -> int:
    """Cores that this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="emotion-edge", description="Facial expressions in real time.")
    parser.add_argument("--verbose", action="store_true", help="say more on stderr")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Any, help_: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help_, description=command.__doc__)
        sub.set_defaults(command=command)
        sub.add_argument("--model", type=Path, default=DEFAULT_BUNDLE, help="folder of the model bundle")
        return sub

    sub = add("run", run, "a camera, video, image or folder")
    sub.add_argument("source", nargs="?", default="0", help="camera number, /dev/video…, video, image or folder")
    sub.add_argument("--output", type=Path, metavar="FILE", help="write the annotated video (.mp4)")
    sub.add_argument("--jsonl", type=Path, metavar="FILE", help="write the records, one a line; - for standard output")
    sub.add_argument("--summary", type=Path, metavar="FILE", help="write the summary as JSON")
    sub.add_argument("--no-window", dest="window", action="store_false", help="show no window")
    _add_recognition(sub, smoothing_ms=250)
    sub = add("predict", predict, "print the record of images")
    sub.add_argument("images", nargs="+", metavar="IMAGE")
    _add_recognition(sub, smoothing_ms=0)
    sub = add("demo", demo, "run on a clip made from a public-domain portrait")
    sub.add_argument("--directory", type=Path, default=Path("demo"), help="where the clip and the results go")
    _add_recognition(sub, smoothing_ms=250)
    add("doctor", doctor, "say what of this machine is ready")
    return parser


def _add_recognition(parser: argparse.ArgumentParser, smoothing_ms: float) -> None:
    defaults = Options()
    parser.add_argument("--variant", choices=VARIANTS, default=defaults.variant, help="which model of the bundle")
    parser.add_argument("--threads", type=int, default=defaults.threads, help="threads of one inference")
    parser.add_argument("--detector", choices=DETECTORS, default=defaults.detector)
    parser.add_argument(
        "--detector-side",
        type=int,
        default=defaults.detector_side,
        metavar="PIXELS",
        help="longer side of the picture that is searched: more finds smaller faces and takes longer",
    )
    parser.add_argument(
        "--smoothing-ms",
        type=float,
        default=smoothing_ms,
        metavar="MS",
        help="time constant of a face's label",
    )


if __name__ == "__main__":
    sys.exit(main())
