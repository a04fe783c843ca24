"""Record of a run: all figures, as JSON keeps them and reports read them.

One object (times in the unit that the key names, else seconds; memory and sizes in bytes; shares from 0 to 1; a
distribution has `n`, `mean`, `minimum`, `p50`, `p95`, `p99`, `maximum` and, where they are few, `values`):

    schema_version   3; raised when a key changes its meaning or goes, not when one is added
    created          UTC, ISO 8601
    machine          see `benchmarks.base.machine.Machine`: what does not change during a run
    states           before and after (which moves on with every measurement): see `benchmarks.base.machine.State`
    settings         rounds, threads, cores, clip, split, and how long the warm-up and a turn are
    bundle           name, input_size, resolution; variants: by name sha256 and bytes; absent: names
    figures          by measurement (see `benchmarks.suite.MEASUREMENTS`) a list of rows. A row is the dataclass of the
                     measurement's module, key by key: first what it is of (variant, name, output or preset;
                     threads, cores, faces or width), then what was found, a number or a distribution over the rounds
    missing          by measurement that was asked for, why it has no figures; what a run that was interrupted did not
                     come to is here, too, and what failed by a bug. By measurement and peer, why this one is not
                     among them
    targets          list of target, measured, reached (null where not measured)
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.base.machine import current_state, describe_machine
from benchmarks.base.variants import BundleVariants
from edge.base.errors import UserError
from edge.base.files import write_whole

SCHEMA_VERSION = 3

KEYS = frozenset({"created", "machine", "states", "settings", "bundle", "figures", "missing", "targets"})
"""Keys of every record of this version."""

Record = dict[str, Any]


@dataclass(frozen=True)
class PartialResults:
    """Figures of some participants, where others could not be measured.

    Attributes:
        rows: as other measurements return them.
        gaps: by participant, why there is none of it.
    """

    rows: Sequence[Any]
    gaps: dict[str, str]


def new_record(variants: BundleVariants, settings: dict[str, Any]) -> Record:
    """A record without figures: when, where, of what and how.

    Raises:
        UserError: this machine has no TFLite runtime.
    """
    state = asdict(current_state())
    record = {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": asdict(describe_machine()),
        "states": {"before": state, "after": state},
        "settings": settings,
        "bundle": _bundle(variants),
        "figures": {},
        "missing": {},
        "targets": [],
    }
    plain: Record = as_plain(record)
    return plain


def as_plain(value: Any) -> Any:
    """Dictionaries and lists as JSON knows them, with six decimals: a nanosecond of a figure in ms, no float noise."""
    if hasattr(value, "__dataclass_fields__"):
        return as_plain(asdict(value))
    if isinstance(value, dict):
        return {key: as_plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_plain(v) for v in value]
    return round(value, 6) if isinstance(value, float) else value


def file_name(record: Record) -> str:
    """Name by the time of the run: names sort in the order of the runs."""
    return f"{datetime.fromisoformat(record['created']):%Y%m%dT%H%M%SZ}.json"


def keep(record: Record, folder: Path) -> Path:
    """Write the record into a folder, in place of what was written of it before; returns its path."""
    path = folder / file_name(record)
    write_whole(path, json.dumps(record, indent=2) + "\n")
    return path


def read_record(path: Path) -> Record:
    """A record that was kept.

    Raises:
        UserError: it is missing, no record, or of another version.
    """
    remedy = "give a file that 'make bench' wrote"
    try:
        record = json.loads(path.read_text())
        version = record["schema_version"]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", remedy) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: no record of a benchmark", remedy) from error
    if version != SCHEMA_VERSION:
        raise UserError(f"{path}: has version {version} of the schema, not {SCHEMA_VERSION}", "measure again")
    if not record.keys() >= KEYS:
        raise UserError(f"{path}: no record of a benchmark", remedy)
    found: Record = record
    return found


def rows_of(record: Record, measurement: str, **which: Any) -> list[Record]:
    """Rows of a measurement that have these values; none where it was not measured."""
    rows = record["figures"].get(measurement, ())
    return [row for row in rows if all(row[key] == value for key, value in which.items())]


def find_row(record: Record, measurement: str, **which: Any) -> Record:
    """First row of a measurement that has these values.

    Raises:
        LookupError: there is none.
    """
    return rows_of(record, measurement, **which)[0]


def _bundle(variants: BundleVariants) -> Record:
    return {
        "name": variants.name,
        "input_size": variants.input_size,
        "resolution": variants.resolution,
        "variants": {
            variant: {"sha256": hashlib.sha256(bundle.model).hexdigest(), "bytes": len(bundle.model)}
            for variant, bundle in variants.bundles.items()
        },
        "absent": list(variants.absent),
    }
