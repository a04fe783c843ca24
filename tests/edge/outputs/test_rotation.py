"""Rotation of a camera's files of records and events."""

import json
import os

import pytest

from edge.base.settings import Outputs
from edge.outputs.lines import EventLines, JsonLines
from edge.outputs.rotation import RotatingFile, Rotation, rotation_of

from ..stand_ins import face, result

DAY = 86400
NOON = 1764244800
LINE = "x" * 99 + "\n"


class Clock:
    def __init__(self):
        self.now = float(NOON)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def write(path, rotation, clock, lines, step=1.0):
    with RotatingFile(path, rotation, clock) as file:
        for line in lines:
            file.write(line)
            clock.now += step


def test_a_full_file_is_renamed_and_no_line_is_lost_or_cut(tmp_path, clock):
    lines = [f"{i:099d}\n" for i in range(25)]
    write(tmp_path / "events.jsonl", Rotation(1000, None), clock, lines)
    found = contents(tmp_path)
    assert len(found) == 3
    assert all(len(text) <= 1000 for text in found.values())
    assert found["events.jsonl"] == "".join(lines[20:])
    assert "".join(found[name] for name in sorted(found, key=lambda name: (len(name) == 12, name))) == "".join(lines)


def test_files_that_are_full_in_one_second_have_names_of_their_own(tmp_path, clock):
    write(tmp_path / "events.jsonl", Rotation(100, None), clock, [LINE] * 5, step=0.0)
    assert len(contents(tmp_path)) == 5


def test_a_line_that_is_larger_than_a_file_is_written(tmp_path, clock):
    write(tmp_path / "events.jsonl", Rotation(10, None), clock, [LINE, LINE])
    assert list(contents(tmp_path).values()) == [LINE, LINE]


def test_what_a_run_before_has_left_is_kept(tmp_path, clock):
    (tmp_path / "events.jsonl").write_text("before\n")
    write(tmp_path / "events.jsonl", Rotation(1000, None), clock, [LINE])
    assert sorted(contents(tmp_path).values()) == ["before\n", LINE]


def test_a_day_that_is_over_is_renamed_where_days_are_kept(tmp_path, clock):
    write(tmp_path / "events.jsonl", Rotation(None, 30 * DAY), clock, [LINE] * 4, step=DAY / 2)
    assert sorted(map(len, contents(tmp_path).values())) == [100, 100, 200]
    other = tmp_path / "other"
    other.mkdir()
    write(other / "events.jsonl", Rotation(10_000, None), clock, [LINE] * 4, step=DAY / 2)
    assert list(contents(other)) == ["events.jsonl"]


def test_renamed_files_are_removed_when_they_are_old_and_others_stay(tmp_path, clock):
    names = [
        "events-20251101-000000.jsonl",
        "events-20251120-000000-2.jsonl",
        "events-20251101.jsonl",
        "my-events.jsonl",
    ]
    for name, age in zip(names, (26, 7, 26, 26), strict=True):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (NOON - age * DAY,) * 2)
    write(tmp_path / "events.jsonl", Rotation(None, 14 * DAY), clock, [LINE])
    assert sorted(contents(tmp_path)) == sorted([*names[1:], "events.jsonl"])


@pytest.mark.parametrize("kind", [JsonLines, EventLines])
def test_a_cameras_records_and_events_are_rotated_and_a_recordings_never(tmp_path, kind):
    event = {"event": "face_appeared", "t": 1.0, "source": "porch", "id": 1}
    for live in (True, False):
        folder = tmp_path / str(live)
        with kind(folder / "lines.jsonl", live=live, rotation=Rotation(10, None)) as output:
            for seq in range(3):
                output.write(result(seq, face()))
                if kind is EventLines:
                    output.end([event])
        found = contents(folder)
        assert len(found) == (3 if live else 1)
        lines = [json.loads(line) for text in found.values() for line in text.splitlines()]
        assert len(lines) == 3


def test_each_line_can_be_read_at_once(tmp_path):
    with JsonLines(tmp_path / "lines.jsonl", live=True, rotation=Rotation(1e6, None)) as output:
        output.write(result(0, face()))
        assert json.loads((tmp_path / "lines.jsonl").read_text())["seq"] == 0


@pytest.mark.parametrize(
    ("options", "rotation"),
    [
        (Outputs(), None),
        (Outputs(rotate_size=2), Rotation(2_000_000, None)),
        (Outputs(keep_days=7), Rotation(None, 7 * DAY)),
    ],
)
def test_options_of_a_run(options, rotation):
    assert rotation_of(options) == rotation
