"""Tables of a record in Markdown, from declared columns. MB are millions of bytes."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from benchmarks.base.bootstrap import median_ratio, sample, significantly_different
from benchmarks.base.markdown import UNKNOWN, table
from benchmarks.base.record import Record
from benchmarks.measure.operators import by_kind
from benchmarks.measure.stages import PARTS, REST
from benchmarks.measure.training import GOALS
from benchmarks.report.summary import summary_text

IDLE = 0.05
"""Share of the processor time that other programs may take on a machine that counts as idle."""

NOT_SIGNIFICANT = "not significantly different"

SLOWEST = 10
"""Number of layers of a variant that are named one by one."""

NO_PICTURES: Mapping[str, str] = MappingProxyType({})

Rows = Sequence[Record]
Value = str | Callable[[Record, Rows], Any]


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        title: its heading.
        value: keys of a row joined by dots, or a function of a row and all rows.
        shown: format of the value.
        scale: factor from the record's unit to the shown one.
    """

    title: str
    value: Value
    shown: str = ""
    scale: float = 1

    def cell(self, row: Record, rows: Rows) -> str:
        value: Any = row
        if callable(self.value):
            value = self.value(row, rows)
        else:
            for key in self.value.split("."):
                value = value[key]
        if value is None:
            return UNKNOWN
        return format(value * self.scale if self.scale != 1 else value, self.shown)


def columns_table(columns: Sequence[Column], rows: Rows) -> str:
    return table([column.title for column in columns], [[column.cell(row, rows) for column in columns] for row in rows])


def spread(key: str, shown: str, scale: float = 1) -> Value:
    """Lowest to highest value of a distribution."""

    def value(row: Record, rows: Rows) -> str:
        return "–".join(format(row[key][end] * scale, shown) for end in ("minimum", "maximum"))

    return value


def relative_to_best(key: str, setting: str, better: int = -1) -> Value:
    """Ratio of a median to the best one in the same setting, unless they are not significantly different.

    Args:
        key: of a distribution over rounds.
        setting: key in which rows must agree to be compared.
        better: +1 where more is better, -1 where less is.
    """

    def value(row: Record, rows: Rows) -> str:
        others = [other for other in rows if other[setting] == row[setting]]
        best = max(others, key=lambda other: better * other[key]["p50"])
        if len(others) == 1:
            return UNKNOWN
        if row is best:
            return "best"
        ours, its = sample(row[key]), sample(best[key])
        ratio = f"{median_ratio(its, ours).estimate:.2f} times"
        return ratio if significantly_different(its, ours) else NOT_SIGNIFICANT

    return value


def marked(difference: str, one: Record, other: Record) -> str:
    """Mark a difference that is not significant."""
    same = one is not other and not significantly_different(sample(one), sample(other))
    return f"{difference} ({NOT_SIGNIFICANT})" if same else difference


def _beyond_none(row: Record, rows: Rows) -> str:
    without = next(other for other in rows if other["output"] == "none")
    return marked(f"{row['more']:+.1%}", without["cpu"], row["cpu"])


def _times_to_goals(row: Record, rows: Rows) -> str:
    if row["seconds_to"] is None:
        return "no run named"
    words = {kind: "not reached" if s is None else f"{s / 60:.0f}" for kind, s in row["seconds_to"].items()}
    return ", ".join(f"{kind} {text}" for kind, text in words.items())


def _kernel_counts(row: Record, rows: Rows) -> str:
    return ", ".join(f"{n} {name}" for name, n in row["operators"].items())


def _pixels(row: Record, rows: Rows) -> str:
    return f"{row['width']}×{row['height']}"


VARIANT, CORES = Column("variant", "variant"), Column("cores", "cores")
PACKAGE = Column("package", lambda row, rows: f"{row['name']} {row['version']}")
PEAK = Column("peak MB", "peak", ".0f", 1e-6)
FOUND_AND_TIME = (
    Column("found", "found", ".0%"),
    Column("ms a frame", "ms.p50", ".2f"),
    Column("lowest–highest", spread("ms", ".2f")),
)
ACCURACY = (
    Column("folder labels", "accuracy", ".2%"),
    Column("macro-F1", "macro_f1", ".2%"),
    Column("FER+ majority", "ferplus_accuracy", ".2%"),
    Column("macro-F1", "ferplus_macro_f1", ".2%"),
)

COLUMNS: dict[str, tuple[Column, ...]] = {
    "counts": (
        VARIANT,
        Column("file, bytes", "size", ","),
        Column("bytes a frame", "frame", ","),
        Column("million instructions", "instructions", ".1f", 1e-6),
        Column("operators", _kernel_counts),
    ),
    "latency": (
        VARIANT,
        Column("threads", "threads"),
        Column("median ms", "ms.p50", ".3f"),
        Column("p95", "ms.p95", ".3f"),
        Column("p99", "ms.p99", ".3f"),
        Column("faces/s", "faces_per_second", ".0f"),
        Column("relative to the best", relative_to_best("round_ms", "threads")),
    ),
    "memory": (
        Column("variant", lambda row, rows: row["variant"] or "(no model)"),
        Column("file MB", "file", ".2f", 1e-6),
        Column("process MB", "peak", ".0f", 1e-6),
    ),
    "pipeline": (
        VARIANT,
        CORES,
        Column("FPS", "fps.p50", ".0f"),
        Column("lowest–highest", spread("fps", ".0f")),
        Column("detect ms", "stage_p50_ms.detect", ".2f"),
        Column("classify ms", "stage_p50_ms.classify", ".2f"),
        Column("first record s", "first_record.p50", ".2f"),
        PEAK,
        Column("relative to the best", relative_to_best("fps", "cores", better=+1)),
    ),
    "stages": (
        VARIANT,
        CORES,
        *(Column(f"{stage} alone", f"alone.{stage}", ".0f") for stage in ("decode", "detect", "classify")),
        Column("together", "together", ".0f"),
        Column("of slowest", "of_slowest", ".0%"),
        Column("overhead", "overhead", ".1%"),
    ),
    "live": (
        VARIANT,
        CORES,
        Column("frames answered", "answered", ".1%"),
        Column("p99 of frame age, ms", "age_p99_ms.p50", ".1f"),
        Column("of one core", "cpu.p50", ".1%"),
    ),
    "face-count": (VARIANT, Column("faces", "faces"), *FOUND_AND_TIME),
    "frame-size": (Column("pixels", _pixels), VARIANT, *FOUND_AND_TIME),
    "outputs": (
        Column("output", "output"),
        Column("of one core", "cpu.p50", ".1%"),
        Column("more than without", _beyond_none),
    ),
    "peers": (
        PACKAGE,
        CORES,
        Column("FPS", "fps.p50", ".1f"),
        Column("lowest–highest", spread("fps", ".1f")),
        Column("frames with a face", "with_faces", ".0%"),
        Column("first answer s", "first.p50", ".1f"),
        PEAK,
    ),
    "peers-model": (
        PACKAGE,
        Column("median ms", "ms.p50", ".3f"),
        Column("p95", "ms.p95", ".3f"),
        Column("rounds' medians", spread("round_ms", ".3f")),
        Column("peak MB", "peaks.maximum", ".0f", 1e-6),
    ),
    "peers-footprint": (
        PACKAGE,
        Column("installed MB", "size", ".0f", 1e-6),
        Column("import s", "start.p50", ".2f"),
        Column("lowest–highest", spread("start", ".2f")),
    ),
    "peers-accuracy": (PACKAGE, *ACCURACY),
    "training": (
        Column("preset", "preset"),
        Column("first stage", lambda row, rows: f"{row['resolution']}×{row['resolution']}"),
        Column("bare images/s", "bare.p50", ".0f"),
        Column("fed images/s", "fed.p50", ".0f"),
        Column("of bare", lambda row, rows: marked(f"{row['share']:.1%}", row["bare"], row["fed"])),
        Column("first batch s", "first_batch.p50", ".1f"),
        Column("minutes to validation accuracy", _times_to_goals),
    ),
    "accuracy": (VARIANT, *ACCURACY),
}

SHARES = (VARIANT, *(Column(part, f"shares.{part}", ".1%") for part in (*PARTS, REST)))

LAYER = (
    Column("layer", lambda row, rows: row["name"] or row["kind"]),
    Column("kind", "kind"),
    Column("shapes", lambda row, rows: f"{_shape(row['input_shape'])} → {_shape(row['output_shape'])}"),
    Column("million multiply-adds", lambda row, rows: row["multiply_adds"] / 1e6 or None, ".2f"),
    Column("kernel", "kernel"),
    Column("ms", "ms", ".3f"),
    Column("share", lambda row, rows: _ratio(row["ms"], sum(other["ms"] for other in rows), ".0%")),
)


def _shape(sizes: Sequence[int]) -> str:
    """A shape without the number of faces."""
    return "×".join(map(str, sizes[1:])) or UNKNOWN


def _ratio(part: float, whole: float, shown: str) -> str:
    return format(part / whole, shown) if whole else UNKNOWN


def _stages(rows: Rows) -> str:
    known = [row for row in rows if row["shares"]]
    shares = ["Processor time of a frame on one core:", columns_table(SHARES, known)] if known else []
    return "\n\n".join([columns_table(COLUMNS["stages"], rows), *shares])


def _operators(profiles: Rows) -> str:
    """Kinds of operators of all variants side by side, then the slowest layers of each."""
    parts = [_kinds(profiles)]
    for profile in profiles:
        layers = sorted(profile["layers"], key=lambda layer: -layer["ms"])
        cells = [[column.cell(layer, layers) for column in LAYER] for layer in layers[:SLOWEST]]
        parts += [f"Slowest layers of {profile['variant']}:", table([column.title for column in LAYER], cells)]
    return "\n\n".join(parts)


ALL_LAYERS, INFERENCE = "all layers", "a whole inference"


def _kinds(profiles: Rows) -> str:
    """Number, milliseconds and share of each kind, and the ratio to the first variant's time."""
    found: list[dict[str, tuple[int | None, float]]] = [dict(by_kind(profile)) for profile in profiles]
    kinds = list(dict.fromkeys(kind for own in found for kind in own))
    for own, profile in zip(found, profiles, strict=True):
        own[ALL_LAYERS] = len(profile["layers"]), profile["layers_ms"]
        own[INFERENCE] = None, profile["inference_ms"]["p50"]
    columns, rows = ["kind"], [[kind] for kind in (*kinds, ALL_LAYERS, INFERENCE)]
    for own, profile in zip(found, profiles, strict=True):
        first = own is found[0]
        columns += [f"{profile['variant']} n", "ms", "share", *[f"of {profiles[0]['variant']}"] * (not first)]
        for row in rows:
            n, ms = own.get(row[0], (None, None))
            row.append(UNKNOWN if n is None else str(n))
            row += [UNKNOWN] * 2 if ms is None else [f"{ms:.3f}", _ratio(ms, profile["layers_ms"], ".0%")]
            row += [] if first else [_kind_ratio(row[0], (n, ms), found[0].get(row[0]))]
    return table(columns, rows)


def _kind_ratio(kind: str, own: tuple[int | None, float | None], first: tuple[int | None, float] | None) -> str:
    """Ratio of times where both variants have as many operators of the kind."""
    comparable = first and own[1] is not None and (own[0] == first[0] or kind == ALL_LAYERS)
    return _ratio(own[1] or 0.0, first[1], ".2f") if comparable and first else UNKNOWN


def _face_sizes(rows: Rows) -> str:
    """Share that is found, with a column for each size of a face, and false detections."""
    series: dict[tuple[str, ...], list[Record]] = {}
    for row in rows:
        series.setdefault((_pixels(row, rows), row["way"], f"{row['tilt']}°"), []).append(row)
    lines = [
        [*key, *(f"{row['found']:.0%}" for row in own), f"{100 * np.mean([row['false_finds'] for row in own]):.1f}"]
        for key, own in series.items()
    ]
    sizes = dict.fromkeys(f"{row['size']} px" for row in rows)
    return table(["pixels", "searched", "tilt", *sizes, "false in 100 frames"], lines)


SPECIAL: dict[str, Callable[[Rows], str]] = {"stages": _stages, "operators": _operators, "face-sizes": _face_sizes}
"""Measurements whose tables have rows or columns that depend on the figures."""

TITLES = {
    "counts": "**Counts** that do not depend on the machine's speed; instructions of one inference, by valgrind",
    "latency": "**One inference on one face**",
    "operators": "**Operators**, by the runtime's profiler, on one thread; times of kernels in whole microseconds",
    "memory": "**Size**: the file, and the peak of a process that loads the model and runs it",
    "pipeline": "**The whole edge on the clip**, every frame answered, in fresh processes",
    "stages": "**Its stages**, frames a second: each alone, all together; overhead is the share of processor time "
    "outside decoding and networks",
    "live": "**On a camera of 30 frames a second**, the clip's frames through a pipe; the worst run's share of frames",
    "face-count": "**More faces**, 1280×720, from memory",
    "frame-size": "**Larger pictures**, one face that grows with them, from memory",
    "face-sizes": "**Smaller faces**, four in a picture, by the width of an upright face; live: the share found "
    "within a second; else the share of all frames; coarse alone is what `--detector-size 320` finds",
    "outputs": "**Outputs**, on a camera of 640×480 and 15 frames a second",
    "peers": "**Other packages**, decoding, detection and classification, interleaved with this one",
    "peers-model": "**Their models alone**, interleaved with this one's on one core: a crop in memory to "
    "probabilities; the peak of the process that does only this",
    "peers-footprint": "**What is installed**: the bytes of an environment with what is used and no more, and the time "
    "until a fresh process has imported it",
    "peers-accuracy": "**Their accuracy** on the same crops, each with its own preprocessing",
    "training": "**Training**: steps on batches in memory, and the same fed by the input pipeline; "
    f"minutes of a run until {GOALS['ferplus']:.0%} (ferplus) and {GOALS['fer2013']:.0%} (fer2013) of the labels, on "
    "the machine that the run was made on",
    "accuracy": "**Accuracy**",
}
"""Measurements in the order of a report."""


def report(record: Record, pictures: Mapping[str, str] = NO_PICTURES) -> str:
    """Report everything in a record, and what is missing.

    Args:
        record: the record of a run.
        pictures: by measurement, the address of a picture to show below its table.
    """
    parts = ["\n".join([machine_text(record["machine"]), *states_text(record)]), _bundle_text(record)]
    for name, title in TITLES.items():
        if name in record["figures"]:
            parts += [title, measurement_text(name, record["figures"][name])]
            parts += [f"![{name}]({pictures[name]})"] if name in pictures else []
    parts += [summary] if (summary := summary_text(record)) else []
    parts += [f"Not measured: {name} ({reason})." for name, reason in record["missing"].items()]
    return "\n\n".join([*parts, targets_text(record["targets"])])


def measurement_text(name: str, rows: Rows) -> str:
    return SPECIAL[name](rows) if name in SPECIAL else columns_table(COLUMNS[name], rows)


def machine_text(machine: Record) -> str:
    """The machine in two lines, and a third where it was not idle."""
    name = f"{machine['board']}, {machine['cpu']}" if machine["board"] else machine["cpu"]
    cores = f"{machine['usable_cores']} of {machine['cores']} cores"
    lines = [
        f"{name} ({machine['architecture']}), {cores}, {machine['memory'] / 1e9:.1f} GB",
        f"{machine['os']}, Python {machine['python']}, {machine['runtime']}, OpenCV {machine['opencv']}",
    ]
    if (machine["busy"] or 0) > IDLE:
        lines.append(
            f"the machine was not idle (others took {machine['busy']:.0%} of it): expect better on one that is"
        )
    return "\n".join(lines)


def states_text(record: Record) -> list[str]:
    """A line on governor and temperature before and after, where they are known."""
    known = {when: _state(record["states"][when]) for when in ("before", "after")}
    lines = [f"{when}: {text}" for when, text in known.items() if text]
    return ["; ".join(lines)] if lines else []


def _state(state: Record) -> str:
    parts = [f"governor {state['governor']}"] if state["governor"] else []
    parts += [f"{state['temperature']:.0f} °C"] if state["temperature"] is not None else []
    parts += ["**slowed down** by heat or voltage"] if state["slowed"] else []
    return ", ".join(parts)


def _bundle_text(record: Record) -> str:
    bundle, split = record["bundle"], record["settings"]["split"]
    size, inside = (f"{n}×{n}" for n in (bundle["input_size"], bundle["resolution"]))
    absent = f"; not in this bundle: {', '.join(bundle['absent'])}" if bundle["absent"] else ""
    on = f", accuracy on the split {split}" if split else ""
    return (
        f"`{bundle['name']}`: faces of {size}, {inside} inside{absent}. Clip: {record['settings']['clip']}; "
        f"{record['settings']['rounds']} rounds, interleaved{on}."
    )


def targets_text(targets: Rows) -> str:
    """Targets of which something was measured, and the number of the others."""
    measured = [target for target in targets if target["reached"] is not None]
    rows = [[t["target"], t["measured"], "reached" if t["reached"] else "**not reached**"] for t in measured]
    others = len(targets) - len(measured)
    parts = [table(["target on two x86-64 cores", "measured", ""], rows)] if rows else []
    parts += [f"Targets of which nothing was measured here: {others}."] if others else []
    return "\n\n".join(parts)
