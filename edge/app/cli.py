"""The command line of the edge: `emotion-edge run | predict | analyze | demo | doctor | install-service | …`.

Nothing heavy is imported here: `doctor` must run where OpenCV does not.
"""

import argparse
import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

from edge.app.arguments import add_options, joined, typed
from edge.base.errors import UserError, exit_on_user_error, printable, shortage
from edge.base.machine import (
    check_memory_limit,
    package_version,
    quiet_libraries,
    share_heap,
    use_one_blas_thread,
    use_small_pages,
)
from edge.base.network import masked
from edge.base.settings import (
    Analyze,
    Config,
    Demo,
    Doctor,
    History,
    InstallService,
    Predict,
    Publish,
    RotateKeys,
    Run,
    UninstallService,
    Update,
)

COMMANDS: dict[str, tuple[type, str]] = {
    "run": (Run, "recognize the faces of a camera, video, image or folder"),
    "predict": (Predict, "print the record of each image"),
    "analyze": (Analyze, "write a report of each video: tables of all faces, and a page with plots"),
    "demo": (Demo, "run on a clip of a woman who plays several emotions"),
    "history": (History, "show what a run with --store saw, or write it as a table: 'history history.db --from -2h'"),
    "config": (Config, "check a configuration file of 'run', show all options, or print their JSON schema"),
    "doctor": (Doctor, "say what of this machine is ready, and what to install for what is not"),
    "install-service": (
        InstallService,
        "keep a run going as a systemd service: 'install-service rtsp://… --events events.jsonl'; what it would do is "
        "shown first",
    ),
    "uninstall-service": (UninstallService, "stop the service and remove it"),
    "update": (
        Update,
        "fetch the newest release of this board's model from a repository, or go back to the one before",
    ),
    "publish": (Publish, "publish a bundle in a repository of signed releases, for 'update' on boards"),
    "rotate-keys": (RotateKeys, "replace the keys that sign a repository"),
}
"""Settings and help of each command. Its function has the same name: in `edge.app.doctor`, in `edge.app.commands_fleet`
for those of `FLEET`, otherwise in `edge.app.commands`."""

FLEET = ("update", "publish", "rotate-keys")
"""Commands of a fleet."""


def program() -> NoReturn:
    """Entry point: run `main` and end the process without waiting for abandoned threads."""
    status = main()
    if any(thread.daemon for thread in threading.enumerate()):
        # A thread was abandoned in a driver or a library. If it returned during Python's shutdown, Python would end it
        # inside foreign code, which aborts the process.
        os._exit(status)
    sys.exit(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    arguments = parse_arguments(argv)
    level = logging.INFO if arguments.verbose else logging.WARNING
    handler = logging.StreamHandler()
    handler.setFormatter(LogFormatter("%(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=level)
    status = 0
    try:
        status = exit_on_user_error(lambda: _command(arguments))
        print(end="", flush=True)  # here, where an error can be reported
    except BrokenPipeError:
        _discard_output()  # the next program in the pipe has ended
    except OSError as error:
        if not _output_fails():
            raise  # another error: a bug
        _discard_output()
        if status == 0:
            problem = f"standard output: cannot be written ({error.strerror})"
            print(f"emotion-edge: {problem}: free some space, or write elsewhere", file=sys.stderr)
        status = 2
    return status


class LogFormatter(logging.Formatter):
    """Formats log lines, also those of libraries, without the secrets of addresses."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


class _Version(argparse.Action):
    """Prints the version, which is looked up for this only: it takes 1.5 MB."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        print(f"emotion-edge {package_version('emotion-edge')}")
        parser.exit()


class _Parser(argparse.ArgumentParser):
    """Parser whose errors do not repeat secrets of the command line."""

    def error(self, message: str) -> NoReturn:
        super().error(masked(printable(message)))


def _output_fails() -> bool:
    """Return whether standard output cannot be written."""
    try:
        print(end="", flush=True)
    except OSError:
        return True
    return False


def _discard_output() -> None:
    """Prevent an error when Python flushes standard output at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Parse a command line, by default that of the process; the usage ends the process where it is wrong."""
    words = joined(sys.argv[1:] if argv is None else argv)
    arguments, rest = _parser(next((word for word in words if word in COMMANDS), None)).parse_known_args(words)
    if rest:
        arguments.parser.error(f"unrecognized arguments: {' '.join(rest)}")  # with the usage of the command
    return arguments


def _command(arguments: argparse.Namespace) -> int:
    name: str = arguments.command
    settings: Any = typed(COMMANDS[name][0], arguments)
    if name == "doctor":
        from edge.app.doctor import doctor

        return doctor(settings)
    check_memory_limit()
    share_heap()
    use_one_blas_thread()
    use_small_pages()
    try:
        from edge.app import commands, commands_fleet
    except ImportError as error:
        if (error.name or "").startswith("edge"):
            raise  # ours: a bug
        if short := shortage(error):
            raise short from error
        raise UserError(f"a module of the program cannot be imported ({error})", "see 'emotion-edge doctor'") from error
    quiet_libraries()
    if name == "run":
        return commands.run(settings, partial(typed, Run, arguments))
    command: Callable[[Any], int] = getattr(commands_fleet if name in FLEET else commands, name.replace("-", "_"))
    return command(settings)


def _parser(command: str | None) -> argparse.ArgumentParser:
    """Return the parser of all commands, with the options of this one: those of all would delay every start."""
    parser = _Parser(prog="emotion-edge", description="Facial expressions in real time.")
    verbose: dict[str, Any] = {"action": "store_true", "help": "write more messages to stderr"}
    parser.add_argument("--verbose", **verbose)
    parser.add_argument("--version", action=_Version, nargs=0, help="show program's version number and exit")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for name, (declaration, help_) in COMMANDS.items():
        sub = commands.add_parser(name, help=help_, description=help_)
        sub.set_defaults(parser=sub)
        sub.add_argument(
            "--verbose", default=argparse.SUPPRESS, **verbose
        )  # suppressed: it may stand before the command
        if name == command:
            add_options(sub, declaration)
    return parser


if __name__ == "__main__":
    sys.exit(main())
