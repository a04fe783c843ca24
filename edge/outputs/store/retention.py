"""Removal of the oldest contents of a history, in pieces that hold nothing up."""

import sqlite3

from edge.base.settings import MEGABYTE, SECONDS_A_DAY, Store

PIECE = 1000
"""Most rows of faces and events that are removed at a time."""

NEWEST_OF_PIECE = """
SELECT max(t) FROM (
    SELECT t FROM (SELECT t FROM events UNION ALL SELECT second AS t FROM faces) ORDER BY t LIMIT ?
)
"""


def trim(connection: sqlite3.Connection, store: Store, now: float) -> bool:
    """Remove a piece of what is too old or too much; return whether something was removed.

    Args:
        connection: for writing; is committed.
        store: the limits.
        now: Unix seconds.
    """
    limit = now if _bytes(connection) > store.max_size * MEGABYTE else now - store.keep_days * SECONDS_A_DAY
    (newest_of_piece,) = connection.execute(NEWEST_OF_PIECE, (PIECE,)).fetchone()
    if newest_of_piece is None:
        return False
    horizon = min(limit, newest_of_piece)
    with connection:
        removed = sum(
            connection.execute(f"DELETE FROM {table} WHERE {time} <= ?", (horizon,)).rowcount  # noqa: S608 - ours
            for table, time in (("faces", "second"), ("events", "t"), ("gaps", "end"))
        )
    if removed:
        connection.executescript("PRAGMA incremental_vacuum")  # `execute` would give back a single page
    return removed > 0


def _bytes(connection: sqlite3.Connection) -> int:
    """Return the bytes of the file that are in use."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
