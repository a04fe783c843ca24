"""The history of a run: what it keeps, and how it survives a killed process, a full disk and a damaged file."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edge.base.errors import UserError
from edge.base.run_statistics import Statistics
from edge.base.settings import Store
from edge.outputs.shared import SharedOutput
from edge.outputs.store import retention
from edge.outputs.store.database import VERSION, open_database, reading
from edge.outputs.store.history import Span, events, faces, gaps, hours
from edge.outputs.store.output import StoreOutput
from edge.outputs.store.retention import trim
from edge.pipeline.faults import Faults

from ...patience import LONG, patiently
from ...stand_ins import face, frame, result, unread

EVERYTHING = Span(0, 1e10)
FOR_EVER = 1e6
"""Days; the times of these tests are in 1970."""

APPEARED = {"event": "face_appeared", "t": 1000.5, "source": "porch", "id": 1}
CHANGED = {
    "event": "emotion_changed", "t": 1001.5, "source": "porch", "id": 1, "from": None, "to": "happy", "duration_s": 1.0,
}  # fmt: skip
LEFT = {"event": "face_left", "t": 1002.5, "source": "porch", "id": 1, "emotion": "happy", "duration_s": 2.0}


def at(seconds, *shown, events=(), source="porch"):
    return replace(result(0, *shown), frame=replace(frame(), captured=seconds, source=source), events=tuple(events))


@pytest.fixture
def made(tmp_path):
    """Return a function that makes an output; its statistics are an attribute."""

    def make(path=None, **limits):
        path, statistics = path or tmp_path / "history.db", Statistics()
        output = StoreOutput(Store(path, **({"keep_days": FOR_EVER} | limits)), path, statistics, Faults(statistics))
        output.statistics = statistics
        return output

    return make


def kept(path, question, *more):
    with reading(path) as connection:
        found = question(connection, EVERYTHING, *more)
        return list(found)


def seconds_of(path):
    return [row["second"] for row in kept(path, faces)]


def write(output, *results, end=()):
    with output:
        for one in results:
            output.write(one)
        output.end(end)


def put_in(path, rows):
    with closing(open_database(path)) as connection, connection:
        connection.execute("INSERT INTO class_lists (names) VALUES ('[\"happy\"]')")
        connection.executemany("INSERT INTO faces VALUES (?, 'porch', 1, 'happy', 0.9, 10, 1, '[1.0]')", rows)


@pytest.mark.usefixtures("no_threads_left")
class TestRows:
    def test_faces_by_the_second_and_events_are_kept(self, made, tmp_path):
        output = made()
        shown = [at(1000.1, face(), events=[APPEARED]), at(1001.6, face(), events=[CHANGED]), at(1002.0)]
        write(output, *shown, end=[LEFT])
        assert [p.name for p in tmp_path.iterdir()] == ["history.db"]
        assert [(row["second"], row["camera"], row["label"]) for row in kept(tmp_path / "history.db", faces)] == [
            (1000, "porch", "happy"),
            (1001, "porch", "happy"),
        ]
        assert kept(tmp_path / "history.db", events) == [APPEARED, CHANGED, LEFT]
        assert output.statistics.counts().get("errors.store", 0) == 0

    def test_a_second_run_goes_on_in_the_same_file(self, made, tmp_path):
        write(made(), at(1000.1, face()))
        write(made(), at(1000.7, face()), at(1005.0, face()))
        rows = kept(tmp_path / "history.db", faces)
        assert [(row["second"], row["frames"]) for row in rows] == [(1000, 2), (1005, 1)]

    def test_several_cameras_share_a_history(self, made, tmp_path):
        shared = SharedOutput(made())

        def record(camera, front):
            with front:
                for second in range(1000, 1050):
                    front.write(at(second + 0.5, face(), source=camera))

        with shared:
            threads = [threading.Thread(target=record, args=(camera, shared.front())) for camera in ("porch", "hall")]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(LONG)
        rows = [(row["camera"], row["second"]) for row in kept(tmp_path / "history.db", faces)]
        assert sorted(rows) == [(camera, second) for camera in ("hall", "porch") for second in range(1000, 1050)]

    def test_a_cameras_last_second_is_written_when_it_gives_no_more_frames(self, made, tmp_path):
        with made() as output:
            output.write(at(1000.1, face()))
            patiently(lambda: seconds_of(tmp_path / "history.db") == [1000])

    def test_a_day_of_a_face_takes_less_than_ten_megabytes(self, made, tmp_path):
        write(made(), *(at(1000.1 + second, face()) for second in range(200)))
        for second in range(1200, 3000, 200):
            write(made(), *(at(second + 0.1 + i, face()) for i in range(200)))
        assert len(seconds_of(tmp_path / "history.db")) == 2000
        assert (tmp_path / "history.db").stat().st_size < 2000 * 10_000_000 / 86_400

    def test_no_picture_is_kept(self, made, tmp_path):
        with made() as output:
            output.write(at(1000.1, face()))
        with closing(sqlite3.connect(tmp_path / "history.db")) as connection:
            types = {row[0] for row in connection.execute("SELECT DISTINCT typeof(probabilities) FROM faces")}
            columns = {
                row[2] for table in ("faces", "events") for row in connection.execute(f"PRAGMA table_info({table})")
            }
        assert types == {"text"}
        assert "BLOB" not in columns


class TestOpening:
    def test_a_newer_format_is_refused(self, made, tmp_path):
        with closing(open_database(tmp_path / "history.db")) as connection:
            connection.execute(f"PRAGMA user_version = {VERSION + 1}")
        for use in (made, lambda: kept(tmp_path / "history.db", hours)):
            with pytest.raises(UserError, match=r"newer emotion-edge \(format 3, this one knows 2\): update"):
                use()

    def test_a_history_of_version_1_is_continued(self, made, tmp_path):
        path = tmp_path / "history.db"
        with made() as output:
            output.write(at(1000.1, face()))
        with closing(sqlite3.connect(path)) as connection:
            old = "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = replace(sql, 'confidence REAL', "
            connection.executescript(f"{old}'confidence REAL NOT NULL'); PRAGMA user_version = 1")
        with made() as output:
            output.write(at(2000.1, unread()))
        assert [row["confidence"] for row in kept(path, faces)] == [pytest.approx(0.7), None]
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)

    def test_another_programs_database_is_refused_and_stays(self, made, tmp_path):
        path = tmp_path / "history.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE theirs (x)")
        before = path.read_bytes()
        with pytest.raises(UserError, match="another program"):
            made()
        assert path.read_bytes() == before

    @pytest.mark.parametrize("place", ["folder", "file/history.db"])
    def test_a_place_that_cannot_be_a_file_is_refused(self, made, tmp_path, place):
        (tmp_path / "folder").mkdir()
        (tmp_path / "file").touch()
        with pytest.raises(UserError, match="cannot be written"):
            made(tmp_path / place)

    def test_a_history_that_is_not_there_cannot_be_read(self, tmp_path):
        with pytest.raises(UserError, match="no such file"):
            kept(tmp_path / "history.db", hours)

    def test_what_is_no_history_cannot_be_read(self, tmp_path):
        (tmp_path / "history.db").write_text("something else, of some length")
        with pytest.raises(UserError, match="damaged"):
            kept(tmp_path / "history.db", hours)


class TestDamage:
    def test_a_damaged_file_is_put_aside_when_it_is_opened(self, made, tmp_path, caplog):
        (tmp_path / "history.db").write_bytes(b"\0broken" * 1000)
        write(made(), at(1000.1, face()))
        assert seconds_of(tmp_path / "history.db") == [1000]
        (aside,) = tmp_path.glob("history.db.damaged-*")
        assert aside.read_bytes() == b"\0broken" * 1000
        assert [record.getMessage() for record in caplog.records if aside.name in record.getMessage()]
        assert len(caplog.records) == 1

    def test_damage_that_shows_later_is_put_aside_then(self, made, tmp_path, caplog):
        path = tmp_path / "history.db"
        put_in(path, [(second,) for second in range(3000)])
        content = bytearray(path.read_bytes())
        content[2 * 4096 :] = b"\xff" * (len(content) - 2 * 4096)
        path.write_bytes(content)
        output = made()
        with output:
            output.write(at(5000.1, face()))
            output.write(at(5001.1, face()))
            patiently(lambda: list(tmp_path.glob("history.db.damaged-*")))
            output.write(at(5002.1, face()))
        assert seconds_of(path)[-1] == 5002
        assert [gap["reason"] for gap in kept(path, gaps)] == ["database disk image is malformed"]
        assert len([record for record in caplog.records if "is kept as" in record.getMessage()]) == 1


class Disk:
    """A small file system of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._fill = folder, folder / "fill"

    def fill(self) -> None:
        with self._fill.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass

    def free(self) -> None:
        self._fill.unlink()


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield Disk(folder)
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root can mount a file system")
class TestFullDisk:
    def test_a_gap_is_noted_when_there_is_room_again(self, made, disk, caplog):
        path = disk.folder / "history.db"
        output = made(path)
        errors = "errors.store"
        with output:
            output.write(at(1000.1, face()))
            output.write(at(1001.1, face()))
            patiently(lambda: seconds_of(path) == [1000])
            disk.fill()
            second = 1002
            while not output.statistics.counts().get(errors):  # what is left of the log is used first
                output.write(at(second + 0.1, *(face(number=n) for n in range(1, 40))))
                second += 1
                time.sleep(0.01)
            disk.free()
            output.write(at(9000.1, face()))
            output.write(at(9001.1, face()))
            patiently(lambda: 9000 in seconds_of(path))
        gap, *_ = kept(path, gaps)
        assert "full" in gap["reason"]
        assert 1001 <= gap["begin"] <= gap["end"] <= second
        assert gap["rows"] >= 1
        told = [record.getMessage() for record in caplog.records]
        assert len(told) == 1 and "free some space" in told[0]

    def test_a_disk_that_is_full_from_the_start_ends_nothing(self, made, disk):
        disk.fill()
        output = made(disk.folder / "history.db")
        with output:
            output.write(at(1000.1, face()))
            output.write(at(1001.1, face()))
            patiently(lambda: output.statistics.counts().get("errors.store"))
            disk.free()
            output.write(at(1002.1, face()))
        assert 1002 in seconds_of(disk.folder / "history.db")


KILLED = """
import sys, time
from pathlib import Path
from tests.edge.outputs.store.test_store import *
path = Path(sys.argv[1])
statistics = Statistics()
with StoreOutput(Store(path, FOR_EVER), path, statistics, Faults(statistics)) as output:
    for second in range(1000, 100000):
        output.write(at(second + 0.5, face()))
        while output._batches.__len__():
            time.sleep(0.001)
        print(second, flush=True)
"""


def test_a_killed_process_loses_the_present_second(tmp_path):
    path = tmp_path / "history.db"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[4])])}
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, path], stdout=subprocess.PIPE, text=True, env=environment
    ) as child:
        last = 0
        for line in child.stdout:
            last = int(line)
            if last >= 1200:
                break
        child.send_signal(signal.SIGKILL)
        last = int((child.stdout.read().splitlines() or [last])[-1])
        child.wait(LONG)
    found = seconds_of(path)
    # One batch may have left the queue and not be committed yet.
    assert found[-1] >= last - 2
    assert found == list(range(1000, found[-1] + 1))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


class TestRetention:
    def test_what_is_too_old_is_removed_in_pieces(self, tmp_path, monkeypatch):
        monkeypatch.setattr(retention, "PIECE", 10)
        path = tmp_path / "history.db"
        put_in(path, [(second,) for second in range(0, 86400 * 2, 3600)])
        limits = Store(path, keep_days=1)
        pieces = 0
        with closing(open_database(path)) as connection:
            while trim(connection, limits, now=86400 * 2.0):
                pieces += 1
        assert pieces == 3
        assert seconds_of(path) == list(range(86400 + 3600, 86400 * 2, 3600))

    def test_the_oldest_is_removed_where_there_is_too_much(self, tmp_path):
        path = tmp_path / "history.db"
        put_in(path, [(second,) for second in range(60_000)])
        size = path.stat().st_size
        assert size > 2_000_000
        with closing(open_database(path)) as connection:
            while trim(connection, Store(path, max_size=1, keep_days=FOR_EVER), now=60_000.0):
                pass
        assert 500_000 < path.stat().st_size <= 1_010_000
        found = seconds_of(path)
        assert found == list(range(found[0], 60_000))

    def test_a_run_removes_what_is_too_old(self, made, tmp_path):
        now = int(time.time())
        put_in(tmp_path / "history.db", [(now - 40 * 86400,), (now - 5,)])
        with made(keep_days=30) as output:
            output.write(at(now + 0.1, face()))
            patiently(lambda: now - 40 * 86400 not in seconds_of(tmp_path / "history.db"))
        assert seconds_of(tmp_path / "history.db") == [now - 5, now]
