"""Results as tables for the terminal. MB are millions of bytes."""

from collections.abc import Sequence

from benchmarks.bars import Bar
from benchmarks.machine import Machine
from benchmarks.results import Results

IDLE = 0.05
"""Share of the processor time that others may take on a machine that counts as idle."""

ABSENT = "not in this bundle"
UNKNOWN = "-"


def report(results: Results) -> str:
    """Everything, for people."""
    parts = [
        machine_text(results.machine),
        _models(results),
        _latency(results),
        _pipeline(results),
        bars_text(results.bars),
    ]
    return "\n\n".join(parts)


def machine_text(machine: Machine) -> str:
    """The machine in two lines, and a third where it was not idle."""
    name = f"{machine.board}, {machine.cpu}" if machine.board else machine.cpu
    cores = f"{machine.usable_cores} of {machine.cores} cores"
    governor = f", governor {machine.governor}" if machine.governor else ""
    lines = [
        f"{name} ({machine.architecture}), {cores}, {machine.memory / 1e9:.1f} GB{governor}",
        f"{machine.os}, Python {machine.python}, {machine.runtime}, OpenCV {machine.opencv}",
    ]
    if machine.busy is not None and machine.busy > IDLE:
        lines.append(f"the machine was not idle (others took {machine.busy:.0%} of it): expect better on one that is")
    return "\n".join(lines)


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns: the first to the left, the others to the right.

    A row shorter than the columns is a remark: its last cell may reach over the columns that it has no values for.
    """
    full = [columns, *(row for row in rows if len(row) == len(columns))]
    names = max(len(row[0]) for row in [columns, *rows])
    widths = [max(len(row[i]) for row in full) for i in range(1, len(columns))]
    lines = [title, _line(columns, names, widths)]
    lines += [
        _line(row, names, widths) if len(row) == len(columns) else f"  {row[0]:<{names}}  {' '.join(row[1:])}"
        for row in rows
    ]
    return "\n".join(lines)


def bars_text(bars: Sequence[Bar]) -> str:
    """Each promise with what was measured."""
    words = {True: "reached", False: "NOT reached", None: ""}
    lines = [f"  {bar.promise}: {bar.measured} {words[bar.reached]}".rstrip() for bar in bars]
    return "\n".join(["bar: measured", *lines])


def _line(cells: Sequence[str], names: int, widths: Sequence[int]) -> str:
    values = "".join(f"  {cell:>{width}}" for cell, width in zip(cells[1:], widths, strict=True))
    return f"  {cells[0]:<{names}}{values}"


def _absent(results: Results) -> list[list[str]]:
    return [[variant, ABSENT] for variant in results.contenders.absent]


def _models(results: Results) -> str:
    contenders, split = results.contenders, results.settings.split
    size = f"{contenders.input_size}×{contenders.input_size}"
    enlarged = contenders.resolution != contenders.input_size
    inside = f", {contenders.resolution}×{contenders.resolution} inside" if enlarged else ""
    columns = ["variant", "file MB", "process MB"]
    if split:
        columns += ["accuracy", "macro-F1", "crowd accuracy", "crowd macro-F1"]
    peaks = {figure.variant: figure.peak for figure in results.memory}
    rows = [["(no model)", UNKNOWN, f"{peaks[None] / 1e6:.1f}", *[UNKNOWN] * (len(columns) - 3)]]
    for variant, bundle in contenders.bundles.items():
        row = [variant, f"{len(bundle.model) / 1e6:.2f}", f"{peaks[variant] / 1e6:.1f}"]
        rows.append(row + _scores(results, variant))
    on = f", split {split}" if split else ""
    title = f"{contenders.name}: faces of {size}{inside}{on}; process: peak of one that loads the model and runs it"
    return table(title, columns, rows + _absent(results))


def _scores(results: Results, variant: str) -> list[str]:
    if results.accuracy is None:
        return []
    found = next(figure for figure in results.accuracy if figure.variant == variant)
    shares = (found.accuracy, found.macro_f1, found.crowd_accuracy, found.crowd_macro_f1)
    return [UNKNOWN if share is None else f"{share:.2%}" for share in shares]


def _latency(results: Results) -> str:
    columns = ["variant", "threads", "p50 ms", "p95 ms", "p99 ms", "faces/s", "n"]
    rows = [
        [
            f.variant,
            str(f.threads),
            *(f"{ms:.3f}" for ms in (f.ms.p50, f.ms.p95, f.ms.p99)),
            f"{f.faces_per_second:.0f}",
            str(f.ms.n),
        ]
        for f in results.latency
    ]
    return table("one inference on one face", columns, rows + _absent(results))


def _pipeline(results: Results) -> str:
    columns = ["variant", "cores", "FPS", "lowest", "highest", "detect ms", "classify ms", "first record s", "peak MB"]
    rows = [
        [
            f.variant,
            str(f.cores),
            *(f"{fps:.1f}" for fps in (f.fps.p50, f.fps.minimum, f.fps.maximum)),
            *(f"{f.stage_p50_ms[stage]:.2f}" for stage in ("detect", "classify")),
            f"{f.first_record.p50:.2f}",
            f"{f.peak / 1e6:.1f}",
        ]
        for f in results.pipeline
    ]
    run = results.pipeline[0].runs[0]
    clip = f"{results.settings.clip}: {run.frames} frames, {run.frames_with_faces} with faces"
    title = f"the whole edge on {clip}; median (peak: worst) of {results.settings.rounds}"
    return table(title, columns, rows + _absent(results))
