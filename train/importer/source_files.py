"""Records that all readers yield: a labelled image, or a file that is left out."""

from dataclasses import dataclass

MAX_FILE_BYTES = 64 * 1024**2
"""Largest file that is read, bytes; face crops are far smaller."""

TOO_LARGE_FILE = f"larger than {MAX_FILE_BYTES // 1024**2} MiB"


@dataclass(frozen=True)
class Face:
    """One image file of a source; `name` is its path in it, with forward slashes, `emotion` its class number."""

    name: str
    emotion: int
    split: str
    data: bytes


@dataclass(frozen=True)
class Skipped:
    """One file, or row of a table, that is left out."""

    name: str
    reason: str
