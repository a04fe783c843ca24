"""The command line of the edge: `emotion-edge run | predict | analyze | demo | doctor | install-service | …`.

Nothing heavy is imported here: `doctor` must run where OpenCV does not.
"""

import argparse
import json
import logging
import math
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from edge.base.errors import UserError, exit_on_user_error, printable, shortage
from edge.base.machine import check_memory_limit, package_version
from edge.base.network import CAMERA_ADDRESS, masked
from edge.base.settings import DEFAULT_BUNDLE, DETECTORS, Capture, EventLimits, Options, Smoothing, model_folder
from edge.model.manifest import VARIANTS

SMOOTHING_MS = 1000 * Smoothing.time_constant
"""Default of what follows faces in time."""


def program() -> NoReturn:
    """The entry point: `main`, and an end of the process that waits for nobody."""
    status = main()
    if any(thread.daemon for thread in threading.enumerate()):
        # One was abandoned in a driver or a library. Should it come back while Python takes itself down, Python would
        # end it in the midst of foreign code, which aborts the process.
        os._exit(status)
    sys.exit(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the exit status."""
    arguments = _parsed(argv)
    level = logging.INFO if arguments.verbose else logging.WARNING
    handler = logging.StreamHandler()
    handler.setFormatter(_LogFormatter("%(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=level)
    status = 0
    try:
        status = exit_on_user_error(lambda: _command(arguments))
        print(end="", flush=True)  # here, where a failure can be told
    except BrokenPipeError:
        _discard_output()  # the next program in the pipe has seen enough
    except OSError as error:
        if not _output_fails():
            raise  # of something else: a bug
        _discard_output()
        if status == 0:
            problem = f"standard output: cannot be written ({error.strerror})"
            print(f"emotion-edge: {problem}: free some space, or write elsewhere", file=sys.stderr)
        status = 2
    return status


class _LogFormatter(logging.Formatter):
    """Writes log lines without the secrets of addresses, also those of libraries."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


class _Parser(argparse.ArgumentParser):
    """Repeats no secrets of what it was given and does not understand."""

    def error(self, message: str) -> NoReturn:
        super().error(masked(printable(message)))


def _output_fails() -> bool:
    """Try again to write to standard output what could not be written."""
    try:
        print(end="", flush=True)
    except OSError:
        return True
    return False


def _discard_output() -> None:
    """Keep Python from complaining when it flushes standard output at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _command(arguments: argparse.Namespace) -> int:
    if arguments.command == "doctor":
        return _doctor(arguments.model)
    check_memory_limit()
    try:
        from edge.app import commands
        from edge.base.quiet import quiet_libraries
    except ImportError as error:
        if (error.name or "").startswith("edge"):
            raise  # ours: a bug
        if short := shortage(error):
            raise short from error
        raise UserError(f"a part of the edge cannot be imported ({error})", "see 'emotion-edge doctor'") from error
    quiet_libraries()
    command: Callable[[argparse.Namespace], int] = getattr(commands, arguments.command.replace("-", "_"))
    return command(arguments)


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line; what `install-service` is given beyond its own options are a run's, and checked as such."""
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if arguments.command == "install-service":
        arguments.words, arguments.run = rest, parser.parse_args(["run", *rest])
    elif rest:
        arguments.parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return arguments


def _doctor(model: Path) -> int:
    """Say what of the machine is ready; 2 when recognition cannot run."""
    from edge.app.doctor import examine, report

    findings = examine(model)
    print(report(findings))
    return 0 if all(f.ready for f in findings if f.needed) else 2


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="emotion-edge", description="Facial expressions in real time.")
    parser.add_argument("--verbose", action="store_true", help="say more on stderr")
    parser.add_argument("--version", action="version", version=f"emotion-edge {package_version('emotion-edge')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")

    def add(name: str, help_: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help_, description=help_, formatter_class=_Defaults)
        sub.set_defaults(parser=sub)
        sub.add_argument(
            "--model",
            type=_model,
            default=DEFAULT_BUNDLE.name,
            metavar="NAME",
            help="default, nano, fer2013, or a bundle's folder",
        )
        return sub

    sub = add("run", "recognize the faces of a camera, video, image or folder")
    sub.add_argument(
        "source",
        type=_not_empty,
        nargs="?",
        default=os.environ.get(CAMERA_ADDRESS) or "auto",
        help="auto, picamera2, camera number, /dev/video…, rtsp:// or http:// address, video, image, folder, or - for "
        f"standard input (default: ${CAMERA_ADDRESS}, else auto)",
    )
    sub.add_argument("--list-sources", action="store_true", help="say what cameras there are, and end")
    _add_capture(sub)
    sub.add_argument("--video", type=_path, metavar="FILE", help="write the annotated video: .mp4, .mkv or .webm")
    sub.add_argument("--images", type=_path, metavar="DIR", help="write annotated copies of the images that are read")
    sub.add_argument("--jsonl", type=_path, metavar="FILE", help="write the records, one a line; - for standard output")
    sub.add_argument("--events", type=_path, metavar="FILE", help="write who came, left and changed, one event a line")
    sub.add_argument("--summary", type=_path, metavar="FILE", help="write the summary as JSON")
    sub.add_argument(
        "--mqtt",
        metavar="ADDRESS",
        help="tell a broker, and Home Assistant through it: mqtt://host[:port][/prefix], or mqtts:// for TLS",
    )
    sub.add_argument(
        "--metrics",
        type=_address,
        nargs="?",
        const=("127.0.0.1", 9108),
        metavar="HOST:PORT",
        help="serve metrics for Prometheus, at 127.0.0.1:9108 where nothing else is said",
    )
    _add_event_limits(sub)
    _add_playback(sub)
    _add_live_page(sub)
    _add_folders(sub)
    sub.add_argument("--no-window", dest="window", action="store_false", help="show no window")
    _add_recognition(sub, smoothing_ms=SMOOTHING_MS)
    _add_personal_baseline(sub)
    _add_max_classifications(sub)
    sub = add("predict", "print the record of each image")
    sub.add_argument("images", nargs="+", type=_path, metavar="IMAGE", help="an image, or a folder of images")
    sub.add_argument("--output", type=_path, metavar="DIR", help="write annotated copies of the images there")
    _add_folders(sub)
    _add_recognition(sub, smoothing_ms=0)
    sub = add("analyze", "write a report of each video: tables of all faces, and a page with figures")
    sub.add_argument("videos", nargs="+", type=_path, metavar="VIDEO", help="a video, or a folder of videos")
    sub.add_argument("--output", type=_path, required=True, metavar="DIR", help="where the reports go")
    sub.add_argument("--annotate", action="store_true", help="write the annotated video, too")
    sub.add_argument(
        "--no-thumbnails", dest="thumbnails", action="store_false", help="no pictures of faces in the report"
    )
    sub.add_argument("--blur", action="store_true", help="make faces unrecognizable in all pictures that are written")
    sub.add_argument("--jobs", type=whole_number(1), metavar="N", help="videos at a time (default: one a core)")
    _add_recognition(sub, smoothing_ms=SMOOTHING_MS)
    _add_personal_baseline(sub)
    sub = add("demo", "run on a clip of a woman who plays several emotions")
    sub.add_argument("--directory", type=_path, default=Path("demo"), help="where the results go")
    _add_live_page(sub)
    _add_recognition(sub, smoothing_ms=SMOOTHING_MS)
    _add_personal_baseline(sub)
    _add_max_classifications(sub)
    _add_event_limits(sub)
    add("doctor", "say what of this machine is ready, and what to install for what is not")
    _add_service(commands)
    return parser


class _Defaults(argparse.HelpFormatter):
    """Shows the default of each option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        help_, default = action.help or "", action.default
        if "(default" in help_ or default in (None, [], argparse.SUPPRESS) or isinstance(default, bool):
            return help_
        return f"{help_} (default: {default:g})" if isinstance(default, float) else f"{help_} (default: {default})"


def _add_service(commands: Any) -> None:
    help_ = "keep a run going as a systemd service: 'install-service rtsp://… --events events.jsonl'"
    install = commands.add_parser("install-service", help=help_, description=help_, allow_abbrev=False)
    install.add_argument("--user", metavar="NAME", help="who it runs as; by default a user of its own")
    install.epilog = "All other options are those of run. What it would do is shown first."
    help_ = "stop the service and remove it"
    uninstall = commands.add_parser("uninstall-service", help=help_, description=help_)
    for sub in (install, uninstall):
        sub.add_argument("--yes", action="store_true", help="do not ask")
        sub.set_defaults(parser=sub)


def _add_capture(parser: argparse.ArgumentParser) -> None:
    defaults = Capture()
    add = parser.add_argument_group("cameras and streams").add_argument
    add("--size", type=_size, metavar="WxH", help="pixels that a camera is asked for, or that raw frames have")
    add("--fps", type=_rate, metavar="N", help="frames a second that a camera is asked for, or that raw frames have")
    add(
        "--control",
        type=_control,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a control of libcamera's for a Raspberry Pi's camera, as ExposureTime=10000; may be given again",
    )
    add("--rtsp-transport", choices=("tcp", "udp"), default=defaults.rtsp_transport, help="how RTSP cameras send")
    add(
        "--pixel-format",
        default=defaults.pixel_format,
        metavar="FORMAT",
        help="of raw frames: bgr24, rgb24, gray, yuv420p, nv12",
    )
    add(
        "--live",
        action="store_true",
        help="standard input is about now: drop late frames instead of holding their sender back",
    )
    add(
        "--decoder",
        choices=("v4l2m2m",),
        help="hardware that decodes videos and streams; where this machine has none, software does",
    )
    add("--wait-for-camera", action="store_true", help="wait for a camera that is not there yet")


def _add_folders(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("folders of images").add_argument
    add("--recursive", action="store_true", help="read the images of the folders in it, too")
    add("--strict", action="store_true", help="end at the first image that cannot be read")


def _add_playback(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("videos, images and folders").add_argument
    add(
        "--realtime",
        action=argparse.BooleanOptionalAction,
        help="play at the recording's own pace and drop late frames, like a camera; the default with --loop, and with "
        "--web where nothing is written",
    )
    add("--loop", action="store_true", help="start again at the end")


def _add_live_page(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("live page").add_argument
    add(
        "--web",
        nargs="?",
        type=_address,
        const=("127.0.0.1", 8080),
        metavar="HOST:PORT",
        help="show it in browsers; on this machine alone, at port 8080, unless an address is given",
    )
    add("--web-cert", type=_path, metavar="FILE", help="certificate of the page, PEM, for https")
    add("--web-key", type=_path, metavar="FILE", help="its key")
    add(
        "--web-host",
        type=_host_name,
        action="append",
        default=[],
        metavar="NAME",
        help="name by which a proxy is asked for the page; a token is needed then; may be given again",
    )


def _add_event_limits(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("events, of --events and --mqtt").add_argument
    add(
        "--event-min-ms",
        type=_milliseconds,
        default=1000 * EventLimits.min_seconds,
        metavar="MS",
        help="time for which an emotion must last before its change is an event",
    )
    add(
        "--event-min-confidence",
        type=_probability,
        default=EventLimits.min_confidence,
        metavar="P",
        help="lowest confidence, 0 to 1, that it must have meanwhile",
    )


def _add_recognition(parser: argparse.ArgumentParser, smoothing_ms: float) -> None:
    defaults = Options()
    parser.add_argument("--variant", choices=VARIANTS, default=defaults.variant, help="which model of the bundle")
    parser.add_argument("--threads", type=whole_number(1), default=defaults.threads, help="threads of one inference")
    parser.add_argument("--detector", choices=DETECTORS, default=defaults.detector, help="haar: OpenCV 4 only")
    parser.add_argument(
        "--detector-size",
        type=whole_number(32),
        default=defaults.detector_size,
        metavar="PIXELS",
        help="longer side of the picture that is searched: more finds smaller faces and takes longer "
        "(default: 320, and large pictures more finely as well)",
    )
    parser.add_argument(
        "--detect-interval-ms",
        type=_milliseconds,
        default=1000 * defaults.detect_interval,
        metavar="MS",
        help="time between two searches of the whole picture; known faces are followed in between; 0: every frame",
    )
    parser.add_argument(
        "--max-faces",
        type=whole_number(1),
        default=defaults.max_faces,
        metavar="N",
        help="faces a frame that are followed, the surest first; the others are counted",
    )
    parser.add_argument(
        "--smoothing-ms", type=_milliseconds, default=smoothing_ms, metavar="MS", help="time constant of a label"
    )


def _add_personal_baseline(parser: argparse.ArgumentParser) -> None:
    """For what follows faces in time."""
    parser.add_argument(
        "--personal-baseline",
        action="store_true",
        help="judge each face by its own expression at rest, learnt from 3 seconds and kept in memory only",
    )


def _add_max_classifications(parser: argparse.ArgumentParser) -> None:
    """For what is to keep up with a camera; everything else reads each face in each frame."""
    parser.add_argument(
        "--max-classifications",
        type=whole_number(1),
        default=Options.max_classifications,
        metavar="N",
        help="faces that are read in one frame; where there are more, they take turns",
    )


def whole_number(least: int) -> Callable[[str], int]:
    """A type for argparse: whole numbers from `least`."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {least}")
        return int(text)

    return parse


def _not_empty(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("an empty name, which would mean the folder that this runs in")
    return text


def _path(text: str) -> Path:
    return Path(_not_empty(text))


def _model(text: str) -> Path:
    return model_folder(_not_empty(text))


def _milliseconds(text: str) -> float:
    return _number(text, "a duration", least=0)


def _probability(text: str) -> float:
    return _number(text, "a number from 0 to 1", least=0, most=1)


def _rate(text: str) -> float:
    return _number(text, "a rate", least=0.1)


def _number(text: str, what: str, least: float, most: float = math.inf) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and least <= value <= most):
        raise argparse.ArgumentTypeError(f"{text} is not {what}")
    return value


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"{text} is not a size: write it as 640x480")
    return int(width), int(height)


def _address(text: str) -> tuple[str, int]:
    """Host and port; a host of IPv6 is in brackets."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535 or (":" in host and host[0] + host[-1] != "[]"):
        raise argparse.ArgumentTypeError(f"{text} is not an address: write it as 127.0.0.1:8080")
    try:
        host.encode("idna")
    except UnicodeError as error:
        raise argparse.ArgumentTypeError(f"{text} is not an address: {host} is no name of a machine") from error
    return host.strip("[]"), int(port)


def _host_name(text: str) -> str:
    name = text.lower().rstrip(".")
    try:
        encoded = name.encode("idna").decode()
    except UnicodeError:
        encoded = ""
    if not encoded or not all(part.replace("-", "").replace("_", "").isalnum() for part in encoded.split(".")):
        raise argparse.ArgumentTypeError(f"{text} is not the name of a host: write it as cam.example.org")
    return encoded


def _control(text: str) -> tuple[str, Any]:
    """A control and its value: true, false, a number, or several numbers with commas between them."""
    name, equals, value = text.partition("=")
    try:
        parsed = json.loads(f"[{value}]") if "," in value else json.loads(value)
    except json.JSONDecodeError:
        parsed = None
    if not (name.isidentifier() and equals) or parsed is None or isinstance(parsed, str):
        raise argparse.ArgumentTypeError(f"{text} is not a control: write it as ExposureTime=10000")
    return name, parsed


if __name__ == "__main__":
    sys.exit(main())
