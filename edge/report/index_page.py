"""The index of an archive: one page with a row for each video."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from edge.base.files import waited_claim, write_whole
from edge.report.charts import clock
from edge.report.html import document
from edge.report.inputs import ERROR, PAGE, SUMMARY

INDEX = "index.html"

SORTING_SCRIPT = """
const body = document.querySelector("tbody");
const value = (row, column) => row.cells[column].dataset.value;
document.querySelectorAll("th button").forEach((button, column) => button.addEventListener("click", () => {
  const header = button.parentNode, down = header.getAttribute("aria-sort") === "descending";
  document.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
  header.setAttribute("aria-sort", down ? "ascending" : "descending");
  const order = (a, b) => isNaN(a) || isNaN(b) ? a.localeCompare(b, undefined, {numeric: true}) : a - b;
  [...body.rows].sort((a, b) => (down ? 1 : -1) * order(value(a, column), value(b, column)))
    .forEach(row => body.append(row));
}));
"""
"""Sorts the rows by the column whose heading is clicked, the highest first, and the other way round the next time."""


class Entry(NamedTuple):
    """A row of the index.

    Attributes:
        name: name of the video's report, with its folders.
        summary: content of its summary; None for a video without a report.
        error: error, or what is missing of a damaged video; empty for none.
    """

    name: str
    summary: dict[str, Any] | None
    error: str

    @property
    def shares(self) -> Counter[str]:
        """Return the share of each state in the time for which persons were seen."""
        found: Counter[str] = Counter()
        persons = self.summary["persons"] if self.summary else []
        for person in persons:
            for state, share in person["shares"].items():
                found[state] += share * person["seen_s"]
        seen = sum(person["seen_s"] for person in persons)
        return Counter({state: seconds / seen for state, seconds in found.items()}) if seen else Counter()


def write_index(folder: Path) -> None:
    """Write the index of the reports in a folder and those below it; of several processes, the last one has them all.

    Where there are neither reports nor errors of videos, there is no index.

    Raises:
        UserError: it cannot be written.
    """
    with waited_claim(folder / f".{INDEX}.claim"):
        path, entries = folder / INDEX, list(_entries(folder))
        text = index(entries)
        if entries and not (path.is_file() and path.read_text(errors="replace") == text):
            write_whole(path, text)


def index(entries: Iterable[Entry]) -> str:
    """Return the page."""
    entries = sorted(entries, key=lambda entry: entry.name)
    states = list(dict.fromkeys(state for entry in entries for state in entry.shares))
    head = ["video", "duration", "persons", "seen, s", *states, "episodes", "error"]
    cells = "".join(f'<th scope="col"><button>{escape(name)}</button></th>' for name in head)
    rows = "".join(f"<tr>{''.join(_cells(entry, states))}</tr>" for entry in entries)
    done = [entry.summary for entry in entries if entry.summary]
    failed = sum(bool(entry.error) for entry in entries)
    seconds = sum(summary["duration_s"] for summary in done)
    body = (
        f"<p>{len(entries):,} videos, {clock(seconds).rpartition('.')[0]} of them analyzed; "
        f"{failed or 'none'} with an error. Shares are of the time for which persons were seen; a click on a heading "
        "sorts.</p>"
        f'<div class="scroll" tabindex="0"><table class="index"><caption>One row a video</caption><thead><tr>{cells}'
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )
    return document("Facial expressions in videos", body, SORTING_SCRIPT)


def _entries(folder: Path) -> Iterator[Entry]:
    errors = {_name(path, folder, ERROR): path.read_text(errors="replace").strip() for path in _found(folder, ERROR)}
    for path in _found(folder, SUMMARY):
        try:
            summary = json.loads(path.read_text())
        except (OSError, ValueError):
            continue  # not ours, or just being replaced
        if isinstance(summary, dict) and summary.get("made_from"):
            name, damage = _name(path, folder, SUMMARY), summary["incomplete"]
            yield Entry(name, summary, errors.pop(name, damage["reason"] if damage else ""))
    yield from (Entry(name, None, error) for name, error in errors.items())


def _found(folder: Path, ending: str) -> Iterator[Path]:
    """Yield the files with an ending, in folders that are not hidden."""
    for path in folder.rglob(f"*{ending}"):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _name(path: Path, folder: Path, ending: str) -> str:
    return path.relative_to(folder).as_posix().removesuffix(ending)


def _cells(entry: Entry, states: Iterable[str]) -> Iterator[str]:
    summary = entry.summary
    if summary:
        yield _cell(f'<a href="{quote(entry.name + PAGE)}">{escape(entry.name)}</a>', entry.name)
        yield _cell(clock(summary["duration_s"]), summary["duration_s"])
        yield _cell(*[len(summary["persons"]) + summary["persons_left_out"]] * 2)
        seen = round(sum(person["seen_s"] for person in summary["persons"]), 1)
        yield _cell(seen, seen)
    else:
        yield _cell(escape(entry.name), entry.name)
        yield from [_cell("", -1)] * 3
    for state in states:
        share = entry.shares.get(state)
        yield _cell("", -1) if share is None else _bar(share)
    episodes = sum(sum(person["episodes"].values()) for person in summary["persons"]) if summary else -1
    yield _cell("" if episodes < 0 else episodes, episodes)
    yield _cell(escape(entry.error), entry.error or " ")


def _cell(shown: Any, value: Any) -> str:
    return f'<td data-value="{escape(str(value))}">{shown}</td>'


def _bar(share: float) -> str:
    return f'<td class="bar" style="--share:{share:.1%}" data-value="{share:.4f}">{share:.0%}</td>'
