"""The database of a history: its format, its opening, and what is done with a damaged one."""

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from edge.base.errors import UserError

log = logging.getLogger(__name__)

APPLICATION = 0x456D4564
"""SQLite's application id of our files, `EmEd`."""

VERSION = 2
"""Version of the format; it rises when an older program could not read or write the file any more."""

BUSY_TIMEOUT = 2.0
"""Seconds to wait for another process that writes to the same file."""

DAMAGES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
REFUSALS = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY)
"""Errors of damaged files, and of places that this user may not write to."""

SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS class_lists (id INTEGER PRIMARY KEY, names TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS faces (
    second INTEGER NOT NULL, camera TEXT NOT NULL, face INTEGER NOT NULL, label TEXT, confidence REAL,
    frames INTEGER NOT NULL, class_list INTEGER NOT NULL REFERENCES class_lists, probabilities TEXT NOT NULL,
    PRIMARY KEY (second, camera, face)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, t REAL NOT NULL, camera TEXT NOT NULL, event TEXT NOT NULL, face INTEGER NOT NULL,
    label TEXT, previous TEXT, duration REAL
);
CREATE INDEX IF NOT EXISTS events_by_time ON events (t);
CREATE TABLE IF NOT EXISTS gaps (begin REAL NOT NULL, end REAL NOT NULL, rows INTEGER NOT NULL, reason TEXT NOT NULL);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
COMMIT;
"""
"""The tables. Faces are in the order of time, so that a commit writes one page, and a span of time is together."""

UPGRADE = """
BEGIN IMMEDIATE;
PRAGMA writable_schema = ON;
UPDATE sqlite_master SET sql = replace(sql, 'confidence REAL NOT NULL', 'confidence REAL') WHERE name = 'faces';
PRAGMA schema_version = {schema};
PRAGMA writable_schema = OFF;
PRAGMA user_version = 2;
COMMIT;
"""
"""From version 1, whose faces all had a confidence. No row is rewritten, so that it takes no time; this is how SQLite's
documentation of ALTER TABLE removes NOT NULL."""


def open_database(path: Path) -> sqlite3.Connection:
    """Open a history for writing, and create it where it is missing; put a damaged one aside first.

    The connection is for one thread.

    Raises:
        UserError: the file is another program's, a newer version's, or in a place that cannot be written.
        sqlite3.OperationalError: it cannot be opened now, for instance because the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _opened(path)
    except sqlite3.DatabaseError as error:
        if _code(error) in REFUSALS:
            raise UserError(
                f"{path}: cannot be written ({error})", "name a file that this user may write to"
            ) from error
        if not is_damaged(error):
            raise
        put_aside(path, error)
        return _opened(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})", "give the path of a file") from error


def is_damaged(error: sqlite3.Error) -> bool:
    """Return whether an error says that the file is damaged."""
    return _code(error) in DAMAGES


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's code of an error, without the details in its upper bits."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def put_aside(path: Path, error: sqlite3.Error) -> None:
    """Rename a damaged database with its log, and tell where it is."""
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    path.rename(aside)
    for end in ("-wal", "-shm"):
        if (companion := path.with_name(path.name + end)).exists():
            companion.rename(aside.with_name(aside.name + end))
    log.warning("%s: damaged (%s); it is kept as %s, and a new history begins", path, error, aside.name)


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection that only reads, and holds no writer back.

    Raises:
        UserError: there is no such file, it is no history, a newer version's, or damaged.
    """
    if not path.is_file():
        raise UserError(f"{path}: there is no such file", "name the file that a run writes by --store")
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT)
        with closing(connection):
            if _is_new(connection, path):
                raise UserError(f"{path}: is not a history", "name the file that a run writes by --store")
            yield connection
    except sqlite3.DatabaseError as error:
        problem = "damaged" if is_damaged(error) else "cannot be read"
        raise UserError(f"{path}: {problem} ({error})", "name another file") from error


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT)
    try:
        new = _is_new(connection, path)
        if new:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "PRAGMA synchronous = NORMAL"
        )  # a killed process loses nothing, a power cut the last seconds
        if new:
            connection.executescript(SCHEMA)
        elif connection.execute("PRAGMA user_version").fetchone() == (1,):
            (schema,) = connection.execute("PRAGMA schema_version").fetchone()
            connection.executescript(UPGRADE.format(schema=schema + 1))
    except BaseException:
        connection.close()
        raise
    return connection


def _is_new(connection: sqlite3.Connection, path: Path) -> bool:
    """Return whether the file is empty.

    Raises:
        UserError: it is another program's, or a newer version's.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables and application in (0, APPLICATION):
        return True
    if application != APPLICATION:
        raise UserError(f"{path}: is the database of another program", "name another file")
    if version > VERSION:
        problem = f"{path}: was written by a newer emotion-edge (format {version}, this one knows {VERSION})"
        raise UserError(problem, "update emotion-edge, or name another file")
    return False
