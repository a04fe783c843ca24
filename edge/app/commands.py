"""The commands of `emotion-edge`, except `doctor` and those of a fleet."""

import json
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from edge.app.arguments import environment
from edge.app.cameras import camera_conflicts, check_cameras
from edge.app.config import from_file, in_file, mistakes, read
from edge.app.config_text import as_toml, schema
from edge.app.demo import demo_clip
from edge.app.run import capture, do_run
from edge.app.run_cameras import run_cameras
from edge.app.run_outputs import check_network, check_outputs, output_conflicts
from edge.app.signals import handled_signals
from edge.base.credentials import CAMERA_PASSWORD, CAMERA_USER, refuse_credentials
from edge.base.errors import UserError, needs_extra
from edge.base.network import public
from edge.base.options import build
from edge.base.settings import (
    Analyze,
    Capture,
    Config,
    Demo,
    History,
    InstallService,
    Outputs,
    Predict,
    Run,
    UninstallService,
)
from edge.faces.recognizer import Recognizer
from edge.outputs.annotated_images import AnnotatedImages
from edge.outputs.mqtt_address import parse_broker
from edge.outputs.rules.checks import variable_mistakes
from edge.sources import capture_conflicts, check_capture, list_sources
from edge.sources.frame import Frame
from edge.sources.pictures import open_images


def run(settings: Run, reread: Callable[[], Run]) -> int:
    """Recognize the faces of a source until it ends or is stopped; `reread` reads its configuration file again."""
    if settings.list_sources:
        return _print_sources()
    return run_cameras(settings, reread) if settings.camera else do_run(settings, reread)


def predict(settings: Predict) -> int:
    """Print the record of each image; return 2 if an image that was named could not be read."""
    if settings.recursive and not any(path.is_dir() for path in settings.images):
        raise UserError("--recursive is for folders, and none is given", "leave it out")
    recognizer = Recognizer.from_options(settings.recognition)
    copies = None
    if settings.output:
        copies = AnnotatedImages(settings.output, settings.images, recursive=settings.recursive)
    failures: list[UserError] = []
    for frame in _images(settings, failures):
        result = recognizer.recognize(frame)
        print(result.line, flush=True)
        if copies:
            copies.write(result)
    for failure in failures:
        print(f"emotion-edge: {failure}", file=sys.stderr)
    return 2 if failures else 0


def _images(settings: Predict, failures: list[UserError]) -> Iterator[Frame]:
    """Yield the given images and those of the given folders; add errors of reading to `failures`."""
    for path in settings.images:
        try:
            source = open_images(path, recursive=settings.recursive, strict=settings.strict)
            yield from iter(source.read, None)
        except UserError as error:
            if settings.strict:
                raise
            failures.append(error)


def analyze(settings: Analyze) -> int:
    """Write a report of each video; return 2 if there was an error with one of them."""
    with needs_extra("analyze"):
        from edge.report.batch import analyze_videos
    failed = False
    with handled_signals(hangup_reloads=False) as signals:
        for outcome in analyze_videos(settings, signals.stop):
            failed |= outcome.failed
            if not outcome.failed:
                print(outcome.text, flush=True)
    return 2 if failed else 0


def history(settings: History) -> int:
    """Show a history, or write it as tables."""
    from edge.app.history import export_history, history_text  # sqlite3 takes memory, which no other command needs

    if settings.table.csv or settings.table.parquet:
        export_history(settings)
    else:
        print(history_text(settings))
    return 0


def config(settings: Config) -> int:
    """Check a configuration file, show the options that hold with it, or print the schema; return 2 for mistakes."""
    if settings.action == "schema":
        print(json.dumps(schema(), indent=2))
    elif settings.action == "show":
        print(as_toml(build(Run, environment(Run) | (read(settings.file) if settings.file else {}))), end="")
    elif not settings.file:
        raise UserError("no configuration file is named", "write 'emotion-edge config check home.toml'")
    else:
        return _check_config(settings.file)
    return 0


def _check_config(path: Path) -> int:
    found = mistakes(path) or in_file(path, _conflicts(from_file(path)))
    for mistake in found:
        print(mistake, file=sys.stderr)
    if found:
        return 2
    print(f"{path}: no mistakes")
    return 0


def _conflicts(run: Run) -> Iterator[UserError]:
    """Yield errors about options of a run that do not go together, and about the broker's address."""
    if not run.camera:
        yield from capture_conflicts(run.source, capture(run))
    yield from camera_conflicts(run)
    yield from output_conflicts(run)
    yield from variable_mistakes(run)
    if run.outputs.mqtt:
        try:
            parse_broker(run.outputs.mqtt)
        except UserError as error:
            yield error


def demo(settings: Demo) -> int:
    """Run on the demo's clip, into files or, with `--web`, in a loop on the live page."""
    folder = settings.directory
    shown = Run(
        str(demo_clip(folder)),
        outputs=Outputs(window=False),
        events=settings.events,
        page=settings.page,
        recognition=settings.recognition,
    )
    if settings.page.address:
        return do_run(replace(shown, capture=Capture(realtime=True, loop=True)))
    outputs = Outputs(
        video=folder / "result.mp4",
        jsonl=folder / "records.jsonl",
        events=folder / "events.jsonl",
        summary=folder / "summary.json",
        window=False,
    )
    status = do_run(replace(shown, outputs=outputs))
    print(f"open {outputs.video} in a video player; with --web the clip plays on a page in your browser")
    return status


def install_service(settings: InstallService) -> int:
    """Show the service's unit, and install it after a confirmation."""
    from edge.app import systemd, systemd_updates  # which other systems than Linux cannot import

    run, updated = settings.run, settings.updates.address is not None
    systemd.check_systemd()
    refuse_credentials(run.source, CAMERA_USER, CAMERA_PASSWORD)
    if run.camera:
        check_cameras(run)
    else:
        check_capture(run.source, capture(run))
        check_outputs(run)
    check_network(run)
    units = {systemd.UNIT: systemd.unit_for(run, settings.user, updated=updated)}
    units |= systemd_updates.units(settings) if updated else {}
    start = systemd_updates.START_UPDATES if updated else systemd.START
    for path, text in units.items():
        print(f"{path} would be:\n\n{text}")
    if private := systemd.private_address(run.source):
        print(f"The whole address of {public(private)} would be in {systemd.SECRETS}, for root alone.")
    print(f"\nand then:\n{_lines(start)}")
    systemd.check_root()
    _agreed(settings.yes)
    if updated:
        systemd_updates.keep_root(settings.updates.trust)
    else:
        systemd_updates.uninstall()
    systemd.install(units, private, start)
    print(f"installed: 'systemctl status {systemd.SERVICE_NAME}' says how it is, records will be in {systemd.STATE}")
    return 0


def uninstall_service(settings: UninstallService) -> int:
    """Show the commands that remove the service, and run them after a confirmation."""
    from edge.app import systemd, systemd_updates

    systemd.check_systemd()
    systemd.check_installed()
    updates = systemd_updates.installed()
    stop = (*systemd_updates.STOP_UPDATES, *systemd.STOP) if updates else systemd.STOP
    print(_lines((*stop, ("rm", *map(str, (systemd.UNIT, *updates))), *systemd.RELOAD)))
    systemd.check_root()
    _agreed(settings.yes)
    systemd_updates.uninstall()
    systemd.uninstall()
    print(f"removed; kept: {systemd.STATE} and {systemd.SECRETS}, where they are")
    return 0


def _print_sources() -> int:
    found = list_sources()
    for source, name in found:
        print(f"{source:<16}{name}")
    if not found:
        print("no camera; videos, images, folders and addresses work without", file=sys.stderr)
    return 0


def _lines(commands: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"  {shlex.join(command)}" for command in commands)


def _agreed(yes: bool) -> None:
    """Ask for a confirmation.

    Raises:
        UserError: the user does not agree, or cannot be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UserError("there is no terminal to ask for a confirmation; nothing was done", "give --yes")
    if input("Do that? [y/N] ").strip().lower() not in ("y", "yes"):
        raise UserError("not confirmed; nothing was done", "answer y, or give --yes")
