"""Records that every reader yields: a labelled image, or a file that is left out."""

from dataclasses import dataclass

MAX_FILE_BYTES = 64 * 1024**2
"""A face crop is never this large; whatever is must not be loaded whole just to find that out."""

TOO_LARGE = f"larger than {MAX_FILE_BYTES // 1024**2} MiB"


@dataclass(frozen=True)
class Face:
    """One image file as found: `name` is its path inside the source, with forward slashes."""

    name: str
    emotion: int
    split: str
    data: bytes


@dataclass(frozen=True)
class Skipped:
    """One file, or row of a table, that the import goes without."""

    name: str
    reason: str
