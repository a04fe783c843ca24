"""Records as Markdown, which a terminal shows as well. MB are millions of bytes."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from benchmarks.base.bootstrap import ratio, sample, told_apart
from benchmarks.base.record import Record
from benchmarks.measure.operators import by_kind
from benchmarks.measure.training import PROVED
from benchmarks.report.summary import verdict_text

IDLE = 0.05
"""Share of the processor time that others may take on a machine that counts as idle."""

UNKNOWN = "–"
NOT_TOLD_APART = "not told apart"

DEAREST = 10
"""Layers of a variant that are named one by one."""

NO_PICTURES: Mapping[str, str] = MappingProxyType({})

FOUND_AND_TIME = ("found", "ms a frame", "lowest–highest")
"""Columns of pictures with faces that were put into them."""

Rows = list[list[str]]


def report(record: Record, pictures: Mapping[str, str] = NO_PICTURES) -> str:
    """Everything that a record holds, and what it lacks.

    Args:
        record: what was measured.
        pictures: by measurement, the address of a picture to show below its table.
    """
    machine = "\n".join([machine_text(record["machine"]), *states_text(record)])
    parts = [machine, _models(record)]
    for name in TABLES:
        if name in record["figures"]:
            parts += [TITLES[name], TABLES[name](record)]
            parts += [f"![{name}]({pictures[name]})"] if name in pictures else []
    parts += [verdict] if (verdict := verdict_text(record)) else []
    parts += [f"Not measured: {name} ({reason})." for name, reason in record["missing"].items()]
    return "\n\n".join([*parts, bars_text(record["bars"])])


def machine_text(machine: Record) -> str:
    """The machine in two lines, and a third where it was not idle."""
    name = f"{machine['board']}, {machine['cpu']}" if machine["board"] else machine["cpu"]
    cores = f"{machine['usable_cores']} of {machine['cores']} cores"
    lines = [
        f"{name} ({machine['architecture']}), {cores}, {machine['memory'] / 1e9:.1f} GB",
        f"{machine['os']}, Python {machine['python']}, {machine['runtime']}, OpenCV {machine['opencv']}",
    ]
    if machine["busy"] is not None and machine["busy"] > IDLE:
        lines.append(
            f"the machine was not idle (others took {machine['busy']:.0%} of it): expect better on one that is"
        )
    return "\n".join(lines)


def states_text(record: Record) -> list[str]:
    """A line on governor and temperature before and after, where the machine tells of them."""
    states = record.get("states", {})
    told = [_state(states[when], when) for when in ("before", "after") if when in states]
    return ["; ".join(told)] if any(told) else []


def _state(state: Record, when: str) -> str:
    parts = [f"governor {state['governor']}"] if state["governor"] else []
    parts += [f"{state['temperature']:.0f} °C"] if state["temperature"] is not None else []
    parts += ["**slowed down** by heat or voltage"] if state["slowed"] else []
    return f"{when}: {', '.join(parts)}" if parts else ""


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown with aligned columns, the first to the left and the others to the right."""
    first, *widths = (max(map(len, column)) for column in zip(columns, *rows, strict=True))

    def line(cells: Sequence[str]) -> str:
        values = (f"{cell:>{width}}" for cell, width in zip(cells[1:], widths, strict=True))
        return f"| {' | '.join([f'{cells[0]:<{first}}', *values])} |"

    rule = ["-" * first, *(f"{'-' * (width - 1)}:" for width in widths)]
    return "\n".join([line(columns), line(rule), *(line(row) for row in rows)])


def bars_text(bars: Sequence[Record]) -> str:
    """The promises of which something was measured, and how many others there are."""
    measured = [bar for bar in bars if bar["reached"] is not None]
    rows = [[bar["promise"], bar["measured"], "reached" if bar["reached"] else "**not reached**"] for bar in measured]
    others = len(bars) - len(measured)
    parts = [table(["promised on two x86-64 cores", "measured", ""], rows)] if rows else []
    parts += [f"Promises of which nothing was measured here: {others}."] if others else []
    return "\n\n".join(parts)


def _models(record: Record) -> str:
    bundle, split = record["bundle"], record["settings"]["split"]
    size, inside = (f"{n}×{n}" for n in (bundle["input_size"], bundle["resolution"]))
    absent = f"; not in this bundle: {', '.join(bundle['absent'])}" if bundle["absent"] else ""
    on = f", accuracy on the split {split}" if split else ""
    return (
        f"`{bundle['name']}`: faces of {size}, {inside} inside{absent}. Clip: {record['settings']['clip']}; "
        f"{record['settings']['rounds']} rounds, in turns{on}."
    )


def _sizes(record: Record) -> str:
    """Memory beside the files' sizes."""
    rows = []
    for row in record["figures"]["memory"]:
        size = record["bundle"]["variants"].get(row["variant"])
        rows.append([row["variant"] or "(no model)", f"{size['bytes'] / 1e6:.2f}" if size else UNKNOWN])
        rows[-1].append(_megabytes(row["peak"]))
    return table(["variant", "file MB", "process MB"], rows)


def _accuracy(record: Record) -> str:
    return _scores("variant", [(row["variant"], row) for row in record["figures"]["accuracy"]])


def _scores(who: str, named: Sequence[tuple[str, Record]]) -> str:
    keys = ("accuracy", "macro_f1", "crowd_accuracy", "crowd_macro_f1")
    rows = [[name, *(UNKNOWN if row[key] is None else f"{row[key]:.2%}" for key in keys)] for name, row in named]
    return table([who, "folder labels", "macro-F1", "FER+ majority", "macro-F1"], rows)


def _counts(record: Record) -> str:
    rows = [
        [
            row["variant"],
            f"{row['size']:,}",
            f"{row['frame']:,}",
            UNKNOWN if row["instructions"] is None else f"{row['instructions'] / 1e6:.1f}",
            ", ".join(f"{n} {name}" for name, n in row["operators"].items()),
        ]
        for row in record["figures"]["counts"]
    ]
    return table(["variant", "file, bytes", "bytes a frame", "million instructions", "operators"], rows)


def _operators(record: Record) -> str:
    """By kind of operator for all variants, then the dearest layers of each."""
    profiles = record["figures"]["operators"]
    parts = [_kinds(profiles)]
    parts += [f"Dearest layers of {profile['variant']}:\n\n{_dearest(profile)}" for profile in profiles]
    return "\n\n".join(parts)


def _kinds(profiles: Sequence[Record]) -> str:
    """Number, milliseconds and share of each kind, and how long it takes beside the first variant's."""
    first, *others = (by_kind(profile) for profile in profiles)
    kinds = list(dict.fromkeys(kind for found in (first, *others) for kind in found))
    rows: Rows = [[kind] for kind in [*kinds, "all layers", "a whole inference"]]
    columns = ["kind"]
    for profile, found in zip(profiles, (first, *others), strict=True):
        columns += [f"{profile['variant']} n", "ms", "share"]
        inference, layers = profile["inference_ms"]["p50"], profile["layers_ms"]
        cells = [_kind(found[kind], layers) if kind in found else [UNKNOWN] * 3 for kind in kinds]
        cells += [
            _kind((len(profile["layers"]), layers), layers),
            [UNKNOWN, f"{inference:.3f}", _ratio(inference, layers, ".0%")],
        ]
        if found is not first:
            columns.append(f"of {profiles[0]['variant']}")
            whole = profiles[0]["layers_ms"], profiles[0]["inference_ms"]["p50"]
            ratios = [_kind_ratio(found.get(kind), first.get(kind)) for kind in kinds]
            ratios += [_ratio(mine, its, ".2f") for mine, its in zip((layers, inference), whole, strict=True)]
            cells = [[*cell, ratio] for cell, ratio in zip(cells, ratios, strict=True)]
        rows = [[*row, *cell] for row, cell in zip(rows, cells, strict=True)]
    return table(columns, rows)


def _kind(found: tuple[int, float], layers: float) -> list[str]:
    n, ms = found
    return [str(n), f"{ms:.3f}", _ratio(ms, layers, ".0%")]


def _kind_ratio(mine: tuple[int, float] | None, its: tuple[int, float] | None) -> str:
    """Of milliseconds, where both variants have as many operators of the kind."""
    return _ratio(mine[1], its[1], ".2f") if mine and its and mine[0] == its[0] else UNKNOWN


def _ratio(part: float, whole: float, shown: str) -> str:
    """Unknown beside what takes less time than the profiler can tell."""
    return format(part / whole, shown) if whole else UNKNOWN


def _dearest(profile: Record) -> str:
    rows = [
        [
            layer["name"] or layer["kind"],
            layer["kind"],
            f"{_shape(layer['takes'])} → {_shape(layer['gives'])}",
            f"{layer['multiply_adds'] / 1e6:.2f}" if layer["multiply_adds"] else UNKNOWN,
            layer["kernel"],
            f"{layer['ms']:.3f}",
            _ratio(layer["ms"], profile["layers_ms"], ".0%"),
        ]
        for layer in sorted(profile["layers"], key=lambda layer: -layer["ms"])[:DEAREST]
    ]
    return table(["layer", "kind", "shapes", "million multiply-adds", "kernel", "ms", "share"], rows)


def _shape(sizes: Sequence[int]) -> str:
    """Without the number of faces."""
    return "×".join(map(str, sizes[1:])) or UNKNOWN


def _latency(record: Record) -> str:
    rows = [
        [
            row["variant"],
            str(row["threads"]),
            *(f"{row['ms'][q]:.3f}" for q in ("p50", "p95", "p99")),
            f"{row['faces_per_second']:.0f}",
            beside_best(row, record["figures"]["latency"], "round_ms", "threads"),
        ]
        for row in record["figures"]["latency"]
    ]
    return table(["variant", "threads", "median ms", "p95", "p99", "faces/s", "beside the best"], rows)


def _pipeline(record: Record) -> str:
    rows = [
        [
            row["variant"],
            str(row["cores"]),
            *_spread(row["fps"], ".0f"),
            *(f"{row['stage_p50_ms'][stage]:.2f}" for stage in ("detect", "classify")),
            f"{row['first_record']['p50']:.2f}",
            _megabytes(row["peak"]),
            beside_best(row, record["figures"]["pipeline"], "fps", "cores", better=+1),
        ]
        for row in record["figures"]["pipeline"]
    ]
    columns = ["variant", "cores", "FPS", "lowest–highest", "detect ms", "classify ms", "first record s", "peak MB"]
    return table([*columns, "beside the best"], rows)


def beside_best(row: Record, rows: Sequence[Record], key: str, setting: str, better: int = -1) -> str:
    """How a variant's median stands to the best one's in the same setting, unless that may be chance.

    Args:
        row: the variant's.
        rows: of all variants in all settings.
        key: of a distribution over rounds.
        setting: the key in which rows must agree to be compared.
        better: +1 where more is better, -1 where less is.
    """
    others = [other for other in rows if other[setting] == row[setting]]
    best = max(others, key=lambda other: better * other[key]["p50"])
    if len(others) == 1:
        return UNKNOWN
    if row is best:
        return "best"
    ours, its = sample(row[key]), sample(best[key])
    return f"{ratio(its, ours).middle:.2f} times" if told_apart(its, ours) else NOT_TOLD_APART


def _stages(record: Record) -> str:
    rows = [
        [
            row["variant"],
            str(row["cores"]),
            *(f"{row['alone'][stage]:.0f}" for stage in ("decode", "detect", "classify")),
            f"{row['together']:.0f}",
            f"{row['of_slowest']:.0%}",
            UNKNOWN if row["overhead"] is None else f"{row['overhead']:.1%}",
        ]
        for row in record["figures"]["stages"]
    ]
    columns = ["variant", "cores", "decode alone", "detect alone", "classify alone"]
    return table([*columns, "together", "of slowest", "overhead"], rows) + _shares(record)


def _shares(record: Record) -> str:
    """Where the processor's time goes, in the runs in which it can be told."""
    known = [row for row in record["figures"]["stages"] if row.get("shares")]
    if not known:
        return ""
    parts = list(known[0]["shares"])
    rows = [[row["variant"], *(f"{row['shares'][part]:.1%}" for part in parts)] for row in known]
    return "\n\nProcessor time of a frame on one core:\n\n" + table(["variant", *parts], rows)


def _live(record: Record) -> str:
    rows = [
        [
            row["variant"],
            str(row["cores"]),
            f"{row['answered']:.1%}",
            f"{row['age_p99_ms']['p50']:.1f}",
            f"{row['cpu']['p50']:.1%}",
        ]
        for row in record["figures"]["live"]
    ]
    return table(["variant", "cores", "frames answered", "p99 of frame age, ms", "of one core"], rows)


def _by_size(record: Record) -> str:
    rows = [
        [f"{row['width']}×{row['height']}", row["variant"], *_found_and_time(row)] for row in record["figures"]["sizes"]
    ]
    return table(["pixels", "variant", *FOUND_AND_TIME], rows)


def _crowd(record: Record) -> str:
    rows = [[row["variant"], str(row["faces"]), *_found_and_time(row)] for row in record["figures"]["crowd"]]
    return table(["variant", "faces", *FOUND_AND_TIME], rows)


def _face_sizes(record: Record) -> str:
    """Shares that were found, a column for each size, and detections where there is no face."""
    rows = record["figures"]["face-sizes"]
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    alike: dict[tuple[str, ...], list[Record]] = {}
    for row in rows:
        key = f"{row['width']}×{row['height']}", row["way"], f"{row['tilt']}°"
        alike.setdefault(key, []).append(row)
    lines = [
        [*key, *(f"{row['found']:.0%}" for row in found), f"{100 * np.mean([row['false_finds'] for row in found]):.1f}"]
        for key, found in alike.items()
    ]
    columns = ["pixels", "searched", "tilt", *(f"{size} px" for size in sizes), "false in 100 frames"]
    return table(columns, lines)


def _found_and_time(row: Record) -> list[str]:
    return [f"{row['found']:.0%}", *_spread(row["ms"], ".2f")]


def _outputs(record: Record) -> str:
    without = next(row for row in record["figures"]["outputs"] if row["output"] == "none")
    rows = [
        [row["output"], f"{row['cpu']['p50']:.1%}", _marked(f"{row['more']:+.1%}", without["cpu"], row["cpu"])]
        for row in record["figures"]["outputs"]
    ]
    return table(["output", "of one core", "more than without"], rows)


def _marked(difference: str, one: Record, other: Record) -> str:
    """A difference in words, with a mark where it may be chance."""
    chance = one is not other and not told_apart(sample(one), sample(other))
    return f"{difference} ({NOT_TOLD_APART})" if chance else difference


def _training(record: Record) -> str:
    rows = [
        [
            row["preset"],
            f"{row['resolution']}×{row['resolution']}",
            *(f"{row[key]['p50']:.0f}" for key in ("bare", "fed")),
            _marked(f"{row['share']:.1%}", row["bare"], row["fed"]),
            f"{row['first_batch']['p50']:.1f}",
            _times_to(row["seconds_to"]),
        ]
        for row in record["figures"]["training"]
    ]
    columns = ["preset", "first stage", "bare images/s", "fed images/s", "of bare", "first batch s"]
    return table([*columns, "minutes to validation accuracy"], rows)


def _times_to(seconds: Record | None) -> str:
    if seconds is None:
        return "no run named"
    words = {kind: "not reached" if value is None else f"{value / 60:.0f}" for kind, value in seconds.items()}
    return ", ".join(f"{kind} {text}" for kind, text in words.items())


def _peers(record: Record) -> str:
    rows = []
    for row in sorted(record["figures"]["peers"], key=lambda row: row["cores"]):
        rows.append([f"{row['name']} {row['version']}", str(row["cores"]), *_spread(row["fps"], ".1f")])
        rows[-1] += [f"{row['with_faces']:.0%}", f"{row['first']['p50']:.1f}", _megabytes(row["peak"])]
    return table(["package", "cores", "FPS", "lowest–highest", "frames with a face", "first answer s", "peak MB"], rows)


def _peers_model(record: Record) -> str:
    rows = []
    for row in record["figures"]["peers-model"]:
        rows.append([f"{row['name']} {row['version']}", *(f"{row['ms'][q]:.3f}" for q in ("p50", "p95"))])
        rows[-1] += [_spread(row["round_ms"], ".3f")[1], _megabytes(row["peaks"]["maximum"])]
    return table(["package", "median ms", "p95", "rounds' medians", "peak MB"], rows)


def _peers_footprint(record: Record) -> str:
    rows = [
        [f"{row['name']} {row['version']}", _megabytes(row["size"]), *_spread(row["start"], ".2f")]
        for row in record["figures"]["peers-footprint"]
    ]
    return table(["package", "installed MB", "import s", "lowest–highest"], rows)


def _peers_accuracy(record: Record) -> str:
    return _scores("package", [(f"{row['name']} {row['version']}", row) for row in record["figures"]["peers-accuracy"]])


def _spread(values: Record, shown: str) -> list[str]:
    """Median, and lowest to highest."""
    return [format(values["p50"], shown), f"{values['minimum']:{shown}}–{values['maximum']:{shown}}"]


def _megabytes(n: Any) -> str:
    return f"{n / 1e6:.0f}"


TABLES: dict[str, Callable[[Record], str]] = {
    "counts": _counts,
    "latency": _latency,
    "operators": _operators,
    "memory": _sizes,
    "pipeline": _pipeline,
    "stages": _stages,
    "live": _live,
    "crowd": _crowd,
    "sizes": _by_size,
    "face-sizes": _face_sizes,
    "outputs": _outputs,
    "peers": _peers,
    "peers-model": _peers_model,
    "peers-footprint": _peers_footprint,
    "peers-accuracy": _peers_accuracy,
    "training": _training,
    "accuracy": _accuracy,
}

TITLES = {
    "counts": "**Counts** that do not depend on the machine's speed; instructions of one inference, by valgrind",
    "latency": "**One inference on one face**",
    "operators": "**Operators**, by the runtime's profiler, on one thread; times of kernels in whole microseconds",
    "memory": "**Size**: the file, and the peak of a process that loads the model and runs it",
    "pipeline": "**The whole edge on the clip**, every frame answered, in fresh processes",
    "stages": "**Its stages**, frames a second: each alone, all together; overhead is the share of processor time "
    "outside decoding and networks",
    "live": "**On a camera of 30 frames a second**, the clip's frames through a pipe; the worst run's share of frames",
    "crowd": "**More faces**, 1280×720, from memory",
    "sizes": "**Larger pictures**, one face that grows with them, from memory",
    "face-sizes": "**Smaller faces**, four in a picture, by the width of an upright face; live: the share found "
    "within a second; else the share of all frames; coarse alone is what `--detector-side 320` finds",
    "training": "**Training**: steps on batches in memory, and the same fed by the input pipeline; "
    f"minutes of a run until {PROVED['crowd']:.0%} (crowd) and {PROVED['folder']:.0%} (folder) of the labels, on "
    "the machine that the run was made on",
    "outputs": "**Outputs**, on a camera of 640×480 and 15 frames a second",
    "peers": "**Other packages**, decoding, detection and classification, in turns with this one",
    "peers-model": "**Their models alone**, in turns with this one's on one core: a crop in memory to probabilities; "
    "the peak of the process that does only this",
    "peers-footprint": "**What is installed**: the bytes of an environment with what is used and no more, and the time "
    "until a fresh process has imported it",
    "peers-accuracy": "**Their accuracy** on the same crops, each with its own preprocessing",
    "accuracy": "**Accuracy**",
}
