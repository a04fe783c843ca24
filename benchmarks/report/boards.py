"""Table of boards: measurements, and estimates for boards whose speed on a similar network is published.

Records of boards are those of `make bench`, kept as `benchmarks/boards/<name>.json`.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.base.process import ROOT
from benchmarks.base.record import Record, machine_name, read_record, rows_of
from edge.base.text_table import Column, Row, draw
from edge.model.bundle import Bundle
from export.graph import Graph

Bundles = Mapping[str, Bundle]

RECORDS = ROOT / "benchmarks" / "boards"

REFERENCE = 300e6
"""Multiply-adds of MobileNetV2 1.0 at 224×224, by its paper (arXiv 1801.04381)."""

PUBLISHED: dict[str, dict[str, float]] = {
    "Raspberry Pi 3 Model B Plus": {"float": 79.0, "int8": 30.0},
    "Raspberry Pi 4 Model B": {"float": 46.0, "int8": 17.0},
    "Raspberry Pi 5 Model B": {},
}
"""Milliseconds of MobileNetV2 1.0 at 224×224 on boards, as their kernels name them without the revision, on several
threads. The README of XNNPACK has a table: columns RPi 3+ and RPi 4 (BCM2711, ARM64), rows MobileNet v2 1.0X."""

SEEN = {"CONV_2D": slice(1, 4), "FULLY_CONNECTED": slice(1, 2), "DEPTHWISE_CONV_2D": slice(1, 3)}
"""Dimensions of the weights that one output uses, by operator; by convention, other operators are not counted."""

ARITHMETIC = {"float32": "float", "float16": "float", "int8": "int8"}
"""Kind of arithmetic of a variant."""

BOARD_COLUMNS = (
    Column("board", "board"),
    Column("variant", "variant"),
    Column("ms a face", lambda row, rows: f"{row['latency']['ms']['p50']:.2f}" if row["latency"] else row["gap"]),
    Column("estimate", lambda row, rows: row["estimate"] and f"≈ {row['estimate']:.1f}"),
    Column("FPS", "pipeline.fps.p50", ".0f"),
    Column("age p99, ms", "live.age_p99_ms.p50", ".0f"),
    Column("peak MB", "pipeline.peak", ".0f", 1e-6),
    Column("measured", "measured"),
)


def board_records(folder: Path = RECORDS) -> list[Record]:
    """Return the records of boards, in the order of the files' names."""
    return [read_record(path) for path in sorted(folder.glob("*.json"))]


def boards_text(bundles: Bundles, records: Sequence[Record]) -> str:
    """Return the table in Markdown, and the basis of its estimates."""
    rows = [_measured(record, v, bundles) for record in records for v in record["bundle"]["variants"]]
    there = [machine_name(record) for record in records]
    unmeasured = [board for board in PUBLISHED if not any(name.startswith(board) for name in there)]
    rows += [_row(board, variant, bundles, gap="not measured") for board in unmeasured for variant in bundles]
    return f"{draw(BOARD_COLUMNS, rows, markdown=True)}\n\n{_method(bundles)}"


def estimate(board: str, variant: str, bundles: Bundles) -> float | None:
    """Estimate milliseconds per face in proportion to the multiply-adds; None without a published time."""
    published = next((ms for name, ms in PUBLISHED.items() if board.startswith(name)), {})
    ms = published.get(ARITHMETIC.get(variant, ""))
    return None if ms is None or variant not in bundles else ms * multiply_adds(bundles[variant].model) / REFERENCE


def _measured(record: Record, variant: str, bundles: Bundles) -> Row:
    """Return a row with the results on the largest number of threads and cores."""
    same = variant in bundles and bundles[variant].sha256 == record["bundle"]["variants"][variant]["sha256"]
    found = {name: rows_of(record, name, variant=variant) for name in ("latency", "pipeline", "live")}
    last = {name: rows[-1] for name, rows in found.items() if rows}
    date = record["created"][:10] + ("" if same else ", another model")
    return _row(machine_name(record), variant, bundles, measured=date, **last)


def _row(board: str, variant: str, bundles: Bundles, **known: object) -> Row:
    empty = dict.fromkeys(("latency", "pipeline", "live", "gap", "measured"))
    return empty | {"board": board, "variant": variant, "estimate": estimate(board, variant, bundles), **known}


def _method(bundles: Bundles) -> str:
    counted = ", ".join(f"{v} {multiply_adds(bundle.model) / 1e6:.1f}" for v, bundle in bundles.items())
    published = "; ".join(
        f"{board} {ms['float']:g} ms float, {ms['int8']:g} ms int8" for board, ms in PUBLISHED.items() if ms
    )
    return (
        f"Estimates (≈) are not measurements. Millions of multiply-adds, by the files' own operators: {counted}; "
        f"MobileNetV2 1.0 at 224×224 has {REFERENCE / 1e6:.0f} (arXiv 1801.04381). The estimate is what XNNPACK's "
        f"README gives for that network on the board, on several threads ({published}), times the ratio of the two."
    )


def multiply_adds(model: bytes) -> int:
    """Count the multiply-adds of one inference: for each output, the weights that it uses."""
    graph = Graph(model)
    return sum(
        math.prod(graph.shape(operator.output)[1:]) * math.prod(graph.shape(operator.inputs[1])[SEEN[operator.kind]])
        for operator in graph.operators()
        if operator.kind in SEEN
    )
