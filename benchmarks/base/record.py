"""Record of a run: all figures, as saved in JSON and read by reports.

One object (times in the unit that the key names, else seconds; memory and sizes in bytes; shares from 0 to 1; a
distribution has `n`, `mean`, `minimum`, `p50`, `p95`, `p99`, `maximum` and, where they are few, `values`):

    schema_version   3; raised when a key changes its meaning or is removed, not when one is added
    created          UTC, ISO 8601
    machine          board (null elsewhere), cpu, architecture, cores, usable_cores, memory, os, kernel, governor, busy
                     (share of the processor that others took just before; null where unknown), python, runtime,
                     opencv, numpy
    states           before and after (which moves on with every measurement): governor, temperature in degrees Celsius
                     (null where unknown), slowed (by heat or voltage)
    settings         rounds, threads, cores, clip, split, and how long the warm-up and a turn are
    bundle           name, input_size, resolution; variants: by name sha256 and bytes; absent: names
    figures          by measurement (see `benchmarks.suite.MEASUREMENTS`) a list of rows, made and described in the
                     measurement's module: first what a row is of (variant, name, output or preset; threads, cores,
                     faces or width), then its figures, numbers or distributions over the rounds
    missing          by measurement that was asked for, why it has no figures; what a run that was interrupted did not
                     come to is here, too, and what failed by a bug. By measurement and peer, why this one is not
                     among them
    targets          list of target, measured, reached (null where not measured)
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.base.machine_description import current_state, describe_machine
from benchmarks.base.plan import Plan
from edge.base.errors import UserError
from edge.base.files import write_whole
from edge.base.settings import VARIANTS
from edge.base.text_table import Row

SCHEMA_VERSION = 3

Record = dict[str, Any]


def new_record(plan: Plan) -> Record:
    """Return a record without figures: time, machine, bundle and settings."""
    state = current_state()
    record: Record = {
        "schema_version": SCHEMA_VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "states": {"before": state, "after": state},
        "settings": plan.settings(),
        "bundle": _bundle(plan),
        "figures": {},
        "missing": {},
        "targets": [],
    }
    return record


def file_name(record: Record) -> str:
    """Return a file name made from the time of the run; names sort in the order of the runs."""
    return f"{datetime.fromisoformat(record['created']):%Y%m%dT%H%M%SZ}.json"


def keep(record: Record, folder: Path) -> Path:
    """Write the record into a folder, replacing an earlier state of the same run; return its path."""
    path = folder / file_name(record)
    write_whole(path, json.dumps(record, indent=2) + "\n")
    return path


def read_record(path: Path) -> Record:
    """Read a saved record.

    Raises:
        UserError: it is missing, not a record, or of another version.
    """
    remedy = "give a file that 'make bench' wrote"
    try:
        record: Record = json.loads(path.read_text())
        version = record["schema_version"]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})", remedy) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not the record of a benchmark", remedy) from error
    if version != SCHEMA_VERSION:
        raise UserError(f"{path}: has version {version} of the schema, not {SCHEMA_VERSION}", "measure again")
    return record


def rows_of(record: Record, measurement: str, **which: Any) -> list[Row]:
    """Return the rows of a measurement that have these values; empty if it was not measured."""
    rows = record["figures"].get(measurement, ())
    return [row for row in rows if all(row[key] == value for key, value in which.items())]


def machine_name(record: Record) -> str:
    """Return the name of the board, or of the processor."""
    return str(record["machine"]["board"] or record["machine"]["cpu"])


def _bundle(plan: Plan) -> Record:
    bundle, bundles = plan.shipping, plan.bundles
    return {
        "name": bundle.name,
        "input_size": bundle.input_size,
        "resolution": bundle.resolution,
        "variants": {v: {"sha256": bundle.sha256, "bytes": len(bundle.model)} for v, bundle in bundles.items()},
        "absent": [variant for variant in VARIANTS if variant not in bundles],
    }
