"""Check a run's outputs before anything is opened, and make them once the source is open."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from edge.base.errors import UserError, needs_extra, raise_first
from edge.base.files import resolved
from edge.base.run_statistics import Statistics
from edge.base.settings import Page, Run
from edge.faces.recognizer import Recognizer
from edge.outputs.annotated_images import AnnotatedImages
from edge.outputs.clock import Clock
from edge.outputs.lines import EventLines, JsonLines
from edge.outputs.mqtt_address import parse_broker
from edge.outputs.rotation import rotation_of
from edge.outputs.rules.album import Album
from edge.outputs.rules.checks import rule_conflicts, variable_mistakes
from edge.outputs.video import AnnotatedVideo
from edge.pipeline.faults import Faults, ToleratedEvents
from edge.pipeline.gate import Gate
from edge.pipeline.output import Output
from edge.sources import Source, is_recording
from edge.sources.pictures import holds_images

if TYPE_CHECKING:  # their packages are extras
    from edge.outputs.mqtt import MqttConnection
    from edge.outputs.prometheus import Metrics, Subject
    from edge.outputs.rules.actions import Publisher
    from edge.web.live_page import LivePage, Shown


def check_outputs(run: Run) -> None:
    """Check that each output has a file of its own, apart from the source, and that options of the live page fit.

    Raises:
        UserError: a file is used twice, or an option of the live page lacks its page or its counterpart.
    """
    raise_first(output_conflicts(run))


def output_conflicts(run: Run) -> Iterator[UserError]:
    """Yield errors about files that are used twice, and options of the live page without page or counterpart."""
    taken = {resolved(Path(source)) for source in run.sources}
    for path in run.paths:
        place = path if str(path) == "-" else resolved(path)
        if place in taken:
            yield UserError(f"{path}: is already the source or another output", "name a different file for each output")
        taken.add(place)
    yield from _page_conflicts(run.page)
    yield from rule_conflicts(run)


def _page_conflicts(page: Page) -> Iterator[UserError]:
    if bool(page.certificate) != bool(page.key):
        yield UserError("--web-cert and --web-key: one is missing", "give both, or none")
    for flag, given in (("--web-cert", page.certificate), ("--web-host", page.proxied_as)):
        if given and not page.address:
            yield UserError(f"{flag} is for the live page, which is off", "add --web, or leave it out")


def certificate(page: Page) -> tuple[Path, Path] | None:
    """Return the files of the live page's certificate and its key; None for a page without TLS.

    Raises:
        UserError: one of them is missing, or there is no page.
    """
    raise_first(_page_conflicts(page))
    return (page.certificate, page.key) if page.certificate and page.key else None


def check_network(run: Run) -> None:
    """Check the packages, the broker's address and certificate of network outputs, without connecting or listening.

    Raises:
        UserError: a package is missing, or the address or the certificate is invalid.
    """
    outputs, page = run.outputs, run.page
    if outputs.mqtt:
        with needs_extra("mqtt"):
            import edge.outputs.mqtt
        parse_broker(outputs.mqtt)
    if outputs.metrics or page.address:
        with needs_extra("metrics" if outputs.metrics else "web"):
            import edge.outputs.prometheus
            import edge.web.exposition
    if page.address:
        with needs_extra("web"):
            import edge.web.live_page  # noqa: F401
            from edge.web.server import check_certificate
        if files := certificate(page):
            check_certificate(*files)


def clock(run: Run, source: Source) -> Clock:
    """Return the clock of annotated pictures; a recording's shows the time since its start, also with --realtime."""
    return Clock(live=source.live and not is_recording(run.source))


def make_outputs(
    run: Run, source: Source, recognizer: Recognizer, faults: Faults, gate: Gate, album: Album
) -> tuple[list[Output], "MqttConnection | None"]:
    """Return the outputs except the live page and the metrics, and that to a broker, which is one of them.

    Raises:
        UserError: an output cannot be opened, or does not fit the source.
    """
    wanted, live = run.outputs, source.live
    outputs = _records(run, recognizer.statistics, faults, live=live)
    if wanted.video:
        outputs.append(AnnotatedVideo(wanted.video, source.fps, live=live, clock=clock(run, source)))
    if wanted.images:
        outputs.append(_annotated_images(run, wanted.images))
    broker: MqttConnection | None = None
    if wanted.mqtt:
        with needs_extra("mqtt"):
            from edge.outputs.mqtt import MqttOutput
        output = MqttOutput(parse_broker(wanted.mqtt), recognizer.statistics, recognizer.classes, gate)
        output.releases, output.pictured = lambda: recognizer.releases, _pictured(run)
        outputs.append(ToleratedEvents(output, faults))
        broker = output
    if run.rule:
        cameras = {source.name: (recognizer.statistics, gate)}
        outputs.append(_rules(run, cameras, recognizer.statistics, faults, broker, album))
    return outputs, broker


def shared_outputs(
    run: Run,
    cameras: Mapping[str, tuple[Statistics, Gate]],
    statistics: Statistics,
    faults: Faults,
    broker: "Publisher | None",
    album: Album,
) -> list[Output]:
    """Return the outputs that several cameras write to together; their files grow line by line.

    Args:
        run: settings.
        cameras: statistics and gates of the cameras by their names.
        statistics: of what is shared.
        faults: records errors.
        broker: the connection to the broker; None without one.
        album: the run's snapshots.

    Raises:
        UserError: an output cannot be opened.
    """
    outputs = _records(run, statistics, faults, live=True)
    if run.rule:
        outputs.append(_rules(run, cameras, statistics, faults, broker, album))
    return outputs


def _records(run: Run, statistics: Statistics, faults: Faults, *, live: bool) -> list[Output]:
    """Return the outputs that keep records and events: files of lines, and the store."""
    outputs: list[Output] = []
    if run.outputs.jsonl:
        outputs.append(JsonLines(run.outputs.jsonl, live=live, rotation=rotation_of(run.outputs)))
    if run.outputs.events:
        outputs.append(EventLines(run.outputs.events, live=live, rotation=rotation_of(run.outputs)))
    if run.store.path:
        from edge.outputs.store.output import StoreOutput  # sqlite3 takes memory

        outputs.append(ToleratedEvents(StoreOutput(run.store, run.store.path, statistics, faults), faults))
    return outputs


def _rules(
    run: Run,
    cameras: Mapping[str, tuple[Statistics, Gate]],
    statistics: Statistics,
    faults: Faults,
    broker: "Publisher | None",
    album: Album,
) -> Output:
    from edge.outputs.rules.output import RulesOutput  # its HTTP client takes memory

    raise_first(variable_mistakes(run))
    return ToleratedEvents(RulesOutput(run.rule, cameras, statistics, faults, broker, album), faults)


def _annotated_images(run: Run, folder: Path) -> AnnotatedImages:
    if not holds_images(Path(run.source)):
        raise UserError("--images needs an image or a folder of images as source", "use --video")
    if run.capture.loop:
        raise UserError("--loop would write copies of the images without end", "leave out --loop or --images")
    return AnnotatedImages(folder, [Path(run.source)], recursive=run.capture.recursive)


def serve(
    run: Run,
    recognizer: Recognizer,
    outputs: list[Output],
    faults: Faults,
    stack: ExitStack,
    gate: Gate,
    album: Album,
) -> "LivePage | None":
    """Start the metrics and the live page, if the run has them; the stack stops them.

    Returns:
        The page, which is also appended to `outputs`; None if there is none.

    Raises:
        UserError: a package is missing, or an address cannot be used.
    """
    address, page = run.outputs.metrics, run.page
    if not (address or page.address):
        return None
    metrics = _metrics(run, recognizer, None, faults, stack)
    if not page.address:
        return None
    cameras = {"": _shown(recognizer, gate)}
    shown = _served_page(run, metrics, cameras, faults, stack, album, stays=is_recording(run.source))
    outputs.append(ToleratedEvents(shown.only, faults))
    return shown


def connect_cameras(
    run: Run,
    statistics: Statistics,
    classes: tuple[str, ...],
    cameras: Mapping[str, tuple[Statistics, Gate]],
    faults: Faults,
    stack: ExitStack,
) -> "MqttConnection | None":
    """Return the connection of several cameras to the broker, if the run has one; the stack closes it.

    Args:
        run: settings.
        statistics: of the run.
        classes: names of the model's classes.
        cameras: statistics and gates of the cameras by their names.
        faults: records errors.
        stack: closes the connection.

    Raises:
        UserError: a package is missing, or the address or a file of the connection is invalid.
    """
    if not run.outputs.mqtt:
        return None
    with needs_extra("mqtt"):
        from edge.outputs.mqtt import MqttConnection
    connection = MqttConnection(parse_broker(run.outputs.mqtt), statistics, classes, cameras)
    connection.pictured = _pictured(run)
    with faults.tolerated(connection.name):
        stack.enter_context(connection)
    return connection


def _pictured(run: Run) -> frozenset[str]:
    """Return the names of the cameras of which rules publish pictures; that of a run's only camera is empty."""
    about = [rule.camera for rule in run.rule if rule.snapshot.folder and rule.snapshot.publish]
    if not run.camera:
        return frozenset([""] if about else [])
    return frozenset(camera.name for camera in run.camera if camera.name in about or None in about)


def serve_cameras(
    run: Run,
    subject: "Subject",
    recognizers: Mapping[str, Recognizer],
    gates: Mapping[str, Gate],
    faults: Faults,
    stack: ExitStack,
    album: Album,
) -> "LivePage | None":
    """Start the metrics and the live page of several cameras, if the run has them; the stack stops them.

    Args:
        run: settings.
        subject: the run.
        recognizers: of the cameras, by their names.
        gates: of the cameras.
        faults: records errors.
        stack: stops what is started.
        album: the run's snapshots.

    Raises:
        UserError: a package is missing, or an address cannot be used.
    """
    if not (run.outputs.metrics or run.page.address):
        return None
    statistics = {name: recognizer.statistics for name, recognizer in recognizers.items()}
    metrics = _metrics(run, subject, statistics, faults, stack)
    if not run.page.address:
        return None
    shown = {name: _shown(recognizer, gates[name]) for name, recognizer in recognizers.items()}
    return _served_page(run, metrics, shown, faults, stack, album, stays=False)


def _metrics(
    run: Run, subject: "Subject", cameras: Mapping[str, Statistics] | None, faults: Faults, stack: ExitStack
) -> "Metrics":
    """Return the metrics, served at an address of their own if the run has one."""
    address = run.outputs.metrics
    with needs_extra("metrics" if address else "web"):
        from edge.outputs.prometheus import Metrics
        from edge.web.exposition import ServedMetrics
    if not address:
        return Metrics(subject, cameras)
    metrics = ServedMetrics(subject, address, cameras)
    with faults.tolerated("metrics"):
        stack.enter_context(metrics)
    return metrics


def _shown(recognizer: Recognizer, gate: Gate) -> "Shown":
    """Return a camera for the page."""
    with needs_extra("web"):
        from edge.web.live_page import Shown
    return Shown(recognizer.statistics, gate, lambda: recognizer.options)


def _served_page(
    run: Run,
    metrics: "Metrics",
    cameras: Mapping[str, "Shown"],
    faults: Faults,
    stack: ExitStack,
    album: Album,
    *,
    stays: bool,
) -> "LivePage":
    """Start the live page; the stack stops it."""
    with needs_extra("web"):
        from edge.web.live_page import LivePage
    assert run.page.address
    page = LivePage(
        run.page.address,
        run.recognition,
        metrics,
        certificate(run.page),
        cameras=cameras,
        proxied_as=run.page.proxied_as,
        stays=stays,
        history=run.store.path,
        album=album,
    )
    stack.callback(page.close)
    with faults.tolerated(page.only.name):
        page.__enter__()
    return page


def what_was_kept(run: Run, *, shown: bool) -> str:
    """Return a sentence about the destinations of a run's results."""
    if paths := run.paths:
        return f"written: {', '.join(str(path) if str(path) != '-' else 'standard output' for path in paths)}"
    if shown or run.page.address:
        return "shown, and nothing written"
    if run.outputs.mqtt or run.outputs.metrics:
        return "told to others, and nothing written"
    return "nothing was shown or kept: there is no window, and no --video, --jsonl or --web"
