"""The history as an output of a run."""

import logging
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from edge.base.errors import UserError
from edge.base.run_statistics import Statistics
from edge.base.settings import Store
from edge.faces.results import FrameResult
from edge.outputs.store.database import is_damaged, open_database, put_aside
from edge.outputs.store.retention import trim
from edge.outputs.store.seconds import FaceSecond, Seconds
from edge.pipeline.channel import Channel, Closed
from edge.pipeline.faults import Faults

log = logging.getLogger(__name__)

MAX_QUEUED_BATCHES = 256
"""Most batches that wait for the writer, each of a second or of a frame's events; the oldest are lost and counted."""

IDLE = 1.0
"""Seconds after which the writer looks for seconds that are over, and for what is too old."""

OVER = 2.0
"""Seconds after which a camera's second is over where no frame follows."""

TRIM_INTERVAL = 60.0
"""Seconds between two removals of what is too old, unless there is more to remove."""

WRITER_STOP_SECONDS = 1.0
"""Seconds to wait at the end for the writer; it is shorter than the pipeline's wait for an output."""

UPSERT = """
INSERT INTO faces (second, camera, face, label, confidence, frames, class_list, probabilities)
SELECT ?, ?, ?, ?, ?, ?, id, ? FROM class_lists WHERE names = ?
ON CONFLICT DO UPDATE SET frames = frames + excluded.frames
"""
"""A run that is restarted within a second may have another face of the same number; the first one's row stays."""


class Batch(NamedTuple):
    """Rows that are written together."""

    faces: Sequence[FaceSecond]
    events: Sequence[dict[str, Any]]

    @property
    def times(self) -> list[float]:
        return [*(face.second for face in self.faces), *(event["t"] for event in self.events)]

    def insert(self, connection: sqlite3.Connection) -> None:
        """Insert the rows; the caller commits."""
        connection.executemany(
            "INSERT OR IGNORE INTO class_lists (names) VALUES (?)", {(face.classes,) for face in self.faces}
        )
        connection.executemany(UPSERT, [(*face[:6], face.probabilities, face.classes) for face in self.faces])
        connection.executemany(
            "INSERT INTO events (t, camera, event, face, label, previous, duration) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [_event_row(event) for event in self.events],
        )


class StoreOutput:
    """Writes a history. `write` never waits for the disk, which a thread of this class writes to.

    What cannot be written is lost; as soon as writing works again, a row in `gaps` says from when to when.
    """

    name = "store"
    complete = False

    def __init__(self, store: Store, path: Path, statistics: Statistics, faults: Faults) -> None:
        """Prepare, and create the file.

        Args:
            store: limits of the history.
            path: its file.
            statistics: of the run.
            faults: records errors of writing.

        Raises:
            UserError: the file is another program's, a newer version's, or in a place that cannot be written.
        """
        with suppress(sqlite3.OperationalError):  # such as a full disk, which need not stay full
            open_database(path).close()
        self._store, self._path, self._faults = store, path, faults
        self._seconds, self._lock = Seconds(), threading.Lock()
        self._batches: Channel[Batch] = Channel(MAX_QUEUED_BATCHES, drop_oldest=True)
        statistics.watch("store writer", self._batches)
        self._connection: sqlite3.Connection | None = None
        self._gap: _Gap | None = None
        self._trim_at = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store writer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def write(self, result: FrameResult) -> None:
        with self._lock:
            faces = self._seconds.add(result)
        self._hand_over(faces, result.events)

    def end(self, events: Sequence[dict[str, Any]]) -> None:
        self._hand_over((), events)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hand_over(self._end_seconds(0.0), ())
        self._stopping.set()
        self._batches.close()
        self._thread.join(WRITER_STOP_SECONDS)

    def _hand_over(self, faces: Sequence[FaceSecond], events: Sequence[dict[str, Any]]) -> None:
        if faces or events:
            self._batches.put(Batch(faces, events))

    def _end_seconds(self, age: float) -> list[FaceSecond]:
        with self._lock:
            return self._seconds.end_older(age)

    def _run(self) -> None:
        """Write batches until there are no more; the writer's thread."""
        with suppress(Closed):
            while True:
                if batch := self._batches.poll(IDLE):
                    self._save(batch)
                if over := self._end_seconds(OVER):
                    self._save(Batch(over, ()))
                if not self._stopping.is_set():
                    self._trim()
        if self._connection:
            with self._faults.tolerated(self.name):
                self._connection.close()

    def _save(self, batch: Batch) -> None:
        try:
            self._connection = connection = self._connection or open_database(self._path)
            with connection:
                batch.insert(connection)
                if self._gap:
                    self._gap.insert(connection)
        except (sqlite3.Error, UserError) as error:
            self._gap = _Gap.after(self._gap, batch, error)
            self._recover(error)
        else:
            if self._gap:
                log.info("%s: written again; %s", self._path, self._gap)
            self._gap = None

    def _recover(self, error: Exception) -> None:
        """Record an error; open the file again for the next batch, a new one if it is damaged."""
        if self._connection:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if isinstance(error, sqlite3.Error) and is_damaged(error):
            with self._faults.tolerated(self.name):
                put_aside(self._path, error)
        self._faults.note(
            self.name, UserError(f"{self._path}: cannot be written ({error})", "free some space, or name another")
        )

    def _trim(self) -> None:
        now = time.monotonic()
        if not self._connection or now < self._trim_at:
            return
        try:
            more = trim(self._connection, self._store, time.time())
        except sqlite3.Error as error:
            more = False
            self._recover(error)
        self._trim_at = now if more else now + TRIM_INTERVAL


class _Gap(NamedTuple):
    """Rows that could not be written; times are Unix seconds."""

    begin: float
    end: float
    rows: int
    reason: str

    @classmethod
    def after(cls, before: "_Gap | None", batch: Batch, error: Exception) -> "_Gap":
        """Return the gap with another batch."""
        begin, end, rows = min(batch.times), max(batch.times), len(batch.times)
        if before:
            begin, end, rows = min(begin, before.begin), max(end, before.end), rows + before.rows
        return cls(begin, end, rows, str(error))

    def insert(self, connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO gaps (begin, end, rows, reason) VALUES (?, ?, ?, ?)", self)

    def __str__(self) -> str:
        return f"{self.rows} rows are missing, from {time.ctime(self.begin)} to {time.ctime(self.end)}"


def _event_row(event: dict[str, Any]) -> tuple[Any, ...]:
    label = event["to"] if event["event"] == "emotion_changed" else event.get("emotion")
    return (
        *(event[key] for key in ("t", "source", "event", "id")),
        label,
        event.get("from"),
        event.get("duration_s"),
    )
