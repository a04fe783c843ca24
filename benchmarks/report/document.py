"""Reports of records in Markdown, and pages that contain them between two marks. MB are millions of bytes."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.base.record import Record, machine_name
from benchmarks.report.standing import standing_text
from benchmarks.report.trade_off import trade_off_text
from benchmarks.suite import MEASUREMENTS
from edge.base.errors import UserError
from edge.base.files import write_whole
from edge.base.text_table import Column, Row, Rows, draw

BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"

FRONT = "accuracy-latency"
"""The picture that all records share."""

BOARDS_BEGIN = "<!-- boards: written by make boards -->"
"""In place of `BEGIN`, in the page that has the table of boards."""

Pictures = Mapping[tuple[int, str], Path]
"""Paths by index of the record and measurement; a picture of all records has the index -1."""

MAX_BUSY_SHARE = 0.05
"""Share of the processor time that other programs may take on a machine that counts as idle."""


def write_page(path: Path, records: Sequence[Record], pictures: Pictures) -> None:
    """Replace the figures of a page."""
    links = {key: os.path.relpath(picture, path.parent) for key, picture in pictures.items()}
    fill_page(path, reports(records, links))


def reports(records: Sequence[Record], links: Mapping[tuple[int, str], str]) -> str:
    """Return the reports of all records, after their common table."""
    shared = trade_off_text(records)
    parts = [shared] if shared else []
    parts += [f"![{FRONT}]({links[-1, FRONT]})"] if (-1, FRONT) in links else []
    for i, record in enumerate(records):
        if len(records) > 1:
            parts.append(f"### {record['bundle']['name']} on {machine_name(record)}")
        own = {measurement: link for (place, measurement), link in links.items() if place == i}
        parts += [f"Measured {record['created'][:10]}.", report(record, own)]
    return "\n\n".join(parts)


def fill_page(path: Path, text: str, begin: str = BEGIN) -> None:
    """Replace the text between a mark and the end mark."""
    before, after = split_page(path, begin)
    write_whole(path, f"{before}{begin}\n\n{text}\n\n{END}{after}")


def split_page(path: Path, opening: str = BEGIN) -> tuple[str, str]:
    """Split a page into the text before and after its figures.

    Raises:
        UserError: the page does not exist, or lacks the marks.
    """
    try:
        text = path.read_text()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", "name a page by --page") from error
    before, begin, rest = text.partition(opening)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UserError(f"{path}: has no place for figures", f"put the lines '{opening}' and '{END}' into it")
    return before, after


def report(record: Record, pictures: Mapping[str, str]) -> str:
    """Report all figures of a record and the missing ones; pictures, by measurement, are below the tables."""
    parts = ["\n".join([*_machine_lines(record["machine"]), *_state_lines(record["states"])]), _bundle_text(record)]
    for name, measurement in MEASUREMENTS.items():
        if name in record["figures"]:
            parts.append(measurement.text(record["figures"][name]))
            parts += [f"![{name}]({pictures[name]})"] if name in pictures else []
    parts += [standing] if (standing := standing_text(record)) else []
    parts += [f"Not measured: {name} ({reason})." for name, reason in record["missing"].items()]
    return "\n\n".join([*parts, *_target_parts(record["targets"])])


def _machine_lines(machine: Row) -> list[str]:
    """Describe the machine in two lines, with a third if it was not idle."""
    name = f"{machine['board']}, {machine['cpu']}" if machine["board"] else machine["cpu"]
    cores = f"{machine['usable_cores']} of {machine['cores']} cores"
    busy = f"the machine was not idle (others took {machine['busy'] or 0:.0%} of it): an idle machine is faster"
    return [
        f"{name} ({machine['architecture']}), {cores}, {machine['memory'] / 1e9:.1f} GB",
        f"{machine['os']}, Python {machine['python']}, {machine['runtime']}, OpenCV {machine['opencv']}",
        *([busy] if (machine["busy"] or 0) > MAX_BUSY_SHARE else []),
    ]


def _state_lines(states: Row) -> list[str]:
    """Describe governor and temperature before and after in one line, if they are known."""
    known = {when: _state(states[when]) for when in ("before", "after")}
    text = "; ".join(f"{when}: {state}" for when, state in known.items() if state)
    return [text] if text else []


def _state(state: Row) -> str:
    parts = [f"governor {state['governor']}"] if state["governor"] else []
    parts += [f"{state['temperature']:.0f} °C"] if state["temperature"] is not None else []
    parts += ["**slowed down** by heat or voltage"] if state["slowed"] else []
    return ", ".join(parts)


def _bundle_text(record: Record) -> str:
    bundle, settings = record["bundle"], record["settings"]
    size, inside = (f"{n}×{n}" for n in (bundle["input_size"], bundle["resolution"]))
    absent = f"; not in this bundle: {', '.join(bundle['absent'])}" if bundle["absent"] else ""
    on = f", accuracy on the split {settings['split']}" if settings["split"] else ""
    return (
        f"`{bundle['name']}`: faces of {size}, {inside} inside{absent}. Clip: {settings['clip']}; "
        f"{settings['rounds']} rounds, interleaved{on}."
    )


TARGET = (
    Column("target on two x86-64 cores", "target"),
    Column("measured", "measured"),
    Column("", lambda row, rows: "reached" if row["reached"] else "**not reached**"),
)


def _target_parts(targets: Rows) -> list[str]:
    """List the targets with measured figures, and count the others."""
    measured = [target for target in targets if target["reached"] is not None]
    others = len(targets) - len(measured)
    return [
        *([draw(TARGET, measured, markdown=True)] if measured else []),
        *([f"Targets of which nothing was measured here: {others}."] if others else []),
    ]
