"""Table of boards: measurements, and estimates for boards whose speed on a similar network is published.

Records of boards are those of `make bench`, kept as `benchmarks/boards/<name>.json`.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.base.graph import multiply_adds
from benchmarks.base.markdown import UNKNOWN, table
from benchmarks.base.process import ROOT
from benchmarks.base.record import Record, read_record
from benchmarks.base.variants import BundleVariants
from benchmarks.report.trade_off import machine_name

RECORDS = ROOT / "benchmarks" / "boards"

REFERENCE = 300e6
"""Multiply-adds of MobileNetV2 1.0 at 224×224, by its paper (arXiv 1801.04381)."""

FLOATS = ("float32", "float16")
"""Variants that compute in float32."""

DETECTOR_MS = 6.2
"""YuNet on 160×120 by OpenCV on a Raspberry Pi 4B, by the benchmark of opencv_zoo."""


@dataclass(frozen=True)
class Board:
    """A board and how fast it runs MobileNetV2 1.0 at 224×224, by XNNPACK's own benchmark, on several threads.

    Attributes:
        name: as its kernel tells it, without the revision.
        float_ms: milliseconds in float32, None where nobody has published it.
        int8_ms: in int8.
    """

    name: str
    float_ms: float | None
    int8_ms: float | None

    def published(self, variant: str) -> float | None:
        """Milliseconds of the reference network in this variant."""
        return self.float_ms if variant in FLOATS else self.int8_ms if variant == "int8" else None


DETECTED_ON = Board("Raspberry Pi 4 Model B", 46.0, 17.0)

BOARDS = (
    Board("Raspberry Pi 3 Model B Plus", 79.0, 30.0),
    DETECTED_ON,
    Board("Raspberry Pi 5 Model B", None, None),
)
"""The README of XNNPACK has a table of them: columns RPi 3+ and RPi 4 (BCM2711, ARM64), rows MobileNet v2 1.0X."""


def board_records(folder: Path = RECORDS) -> list[Record]:
    """Records of boards, in the order of the files' names.

    Raises:
        UserError: one of the files is no record.
    """
    return [read_record(path) for path in sorted(folder.glob("*.json"))]


def boards_text(variants: BundleVariants, records: Sequence[Record]) -> str:
    """The table in Markdown, and by what the estimates in it were made."""
    columns = ["board", "variant", "ms a face", "estimate", "FPS", "age p99, ms", "peak MB", "measured"]
    rows = [row for record in records for row in _measured(record, variants)]
    for board in BOARDS:
        if not any(_is_of(record, board) for record in records):
            rows += [
                [board.name, v, "not measured", _estimate(board, v, variants), *[UNKNOWN] * 4] for v in variants.bundles
            ]
    return f"{table(columns, rows)}\n\n{_method(variants)}"


def estimate(board: Board, variant: str, variants: BundleVariants) -> float | None:
    """Milliseconds of a face, in proportion to the multiply-adds; None where there is nothing to go by."""
    published = board.published(variant)
    return None if published is None else published * multiply_adds(variants.bundles[variant].model) / REFERENCE


def _measured(record: Record, variants: BundleVariants) -> Iterator[list[str]]:
    """A row for each variant, on as many threads and cores as there were."""
    board = next((board for board in BOARDS if _is_of(record, board)), None)
    for variant, file in record["bundle"]["variants"].items():
        face, clip, live = (_last(record, name, variant) for name in ("latency", "pipeline", "live"))
        current = variant in variants.bundles
        same = current and hashlib.sha256(variants.bundles[variant].model).hexdigest() == file["sha256"]
        yield [
            machine_name(record),
            variant,
            f"{face['ms']['p50']:.2f}" if face else UNKNOWN,
            _estimate(board, variant, variants) if board and current else UNKNOWN,
            f"{clip['fps']['p50']:.0f}" if clip else UNKNOWN,
            f"{live['age_p99_ms']['p50']:.0f}" if live else UNKNOWN,
            f"{clip['peak'] / 1e6:.0f}" if clip else UNKNOWN,
            record["created"][:10] + ("" if same else ", another model"),
        ]


def _last(record: Record, measurement: str, variant: str) -> Record | None:
    """Its row with the most threads or cores."""
    rows = [row for row in record["figures"].get(measurement, ()) if row["variant"] == variant]
    return rows[-1] if rows else None


def _is_of(record: Record, board: Board) -> bool:
    return (record["machine"]["board"] or "").startswith(board.name)


def _estimate(board: Board, variant: str, variants: BundleVariants) -> str:
    ms = estimate(board, variant, variants)
    return UNKNOWN if ms is None else f"≈ {ms:.1f}"


def _method(variants: BundleVariants) -> str:
    counts = {variant: multiply_adds(bundle.model) / 1e6 for variant, bundle in variants.bundles.items()}
    counted = ", ".join(f"{variant} {millions:.1f}" for variant, millions in counts.items())
    published = "; ".join(f"{b.name} {b.float_ms:g} ms float, {b.int8_ms:g} ms int8" for b in BOARDS if b.float_ms)
    lines = [
        f"Estimates (≈) are not measurements. Millions of multiply-adds, by the files' own operators: {counted}; "
        f"MobileNetV2 1.0 at 224×224 has {REFERENCE / 1e6:.0f} (arXiv 1801.04381). The estimate is what XNNPACK's "
        f"README gives for that network on the board, on several threads ({published}), times the ratio of the two."
    ]
    face = estimate(DETECTED_ON, "int8", variants) if "int8" in counts else None
    if face is not None:
        lines.append(
            f"OpenCV's benchmark (opencv_zoo) gives {DETECTOR_MS:g} ms for YuNet on 160×120 on a {DETECTED_ON.name}: "
            f"with int8, a frame with one face would take ≈ {DETECTOR_MS + face:.1f} ms there, if detection and "
            "classification took turns and nothing else took time."
        )
    return "\n\n".join(lines)
