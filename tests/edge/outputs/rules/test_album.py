"""The album: which files are snapshots, which are listed, and what is never read."""

import os
import threading
from dataclasses import asdict
from pathlib import Path
from urllib.parse import unquote

import cv2
import numpy as np
import pytest

from edge.base.settings import Rule, Snapshot
from edge.outputs.rules import album as module
from edge.outputs.rules.album import Album, Shot, stated_shot, with_shot
from edge.outputs.rules.conditions import Trigger
from edge.outputs.rules.snapshot import TakeSnapshot

from ...stand_ins import picture, result

NOW = 1_763_800_000.0
SHOT = Shot(NOW, "porch", "visitor", "face_appeared", 3)


def rule(folder, name="visitor"):
    return Rule(name, "face_appeared", snapshot=Snapshot(folder))


def take(album, folder, t=NOW, camera="porch", name="visitor"):
    """Take a snapshot as a rule does; return its path."""
    before = set(folder.iterdir()) if folder.exists() else set()
    trigger = Trigger(name, "face_appeared", t, camera, face=3, result=result(0, image=picture()))
    TakeSnapshot(folder, Snapshot(folder, keep_days=10_000), album).run(trigger, threading.Event())
    (path,) = set(folder.iterdir()) - before
    os.utime(path, (t, t))
    return path


def read(album, picture):
    folder, _, name = picture.partition("/")
    return album.read(folder, unquote(name))


def test_a_snapshot_is_told_listed_and_read(tmp_path):
    told = []
    album = Album([rule(tmp_path)])
    album.follow(told.append)
    path = take(album, tmp_path)
    assert told == album.taken(NOW, NOW + 1)
    assert told == [asdict(SHOT) | {"picture": f"0/{path.name}"}]
    content = read(album, told[0]["picture"])
    assert content == path.read_bytes()
    assert np.array_equal(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).shape, (48, 64, 3))


def test_another_run_finds_them_again_in_the_order_of_time(tmp_path):
    for seconds in (20, 0, 10):
        take(Album([rule(tmp_path)]), tmp_path, NOW + seconds)
    assert [one["t"] - NOW for one in Album([rule(tmp_path)]).taken(NOW, NOW + 60)] == [0, 10, 20]


def test_a_span_a_camera_and_the_newest(tmp_path, monkeypatch):
    album = Album([rule(tmp_path)])
    for seconds in range(4):
        take(album, tmp_path, NOW + seconds, camera=("porch", "hall")[seconds % 2])
    assert [one["t"] - NOW for one in album.taken(NOW + 1, NOW + 3)] == [1, 2]
    assert [one["t"] - NOW for one in album.taken(NOW, NOW + 60, "hall")] == [1, 3]
    monkeypatch.setattr(module, "MOST_LISTED", 2)
    assert [one["t"] - NOW for one in album.taken(NOW, NOW + 60)] == [2, 3]


def test_names_with_other_characters(tmp_path):
    album = Album([rule(tmp_path)])
    path = take(album, tmp_path, camera="Flur", name="Gäste #1?")
    (listed,) = album.taken(NOW, NOW + 1)
    assert listed["rule"] == "Gäste #1?"
    assert "ä" not in listed["picture"]
    assert read(album, listed["picture"]) == path.read_bytes()


def test_two_rules_with_folders_of_their_own(tmp_path):
    folders = tmp_path / "a", tmp_path / "b"
    album = Album([rule(folders[0]), rule(folders[1]), rule(folders[1], "another")])
    paths = [take(album, folder) for folder in folders]
    listed = album.taken(NOW, NOW + 1)
    assert sorted(one["picture"] for one in listed) == [f"{i}/{path.name}" for i, path in enumerate(paths)]


def test_what_is_gone_is_not_listed(tmp_path):
    album = Album([rule(tmp_path)])
    take(album, tmp_path).unlink()
    assert album.taken(NOW, NOW + 1) == []
    assert Album([rule(tmp_path / "not there yet")]).taken(NOW, NOW + 1) == []
    assert Album().taken(NOW, NOW + 1) == []


def of_somebody_else(folder):
    """A picture that no rule has taken, with a name like those."""
    path = folder / "20251122-090000-mine.jpg"
    path.write_bytes(cv2.imencode(".jpg", picture())[1].tobytes())
    return path


def link(folder):
    path = folder / "20251122-090000-link.jpg"
    secret = folder.parent / "secret.jpg"
    secret.write_bytes(with_shot(cv2.imencode(".jpg", picture())[1].tobytes(), SHOT))
    path.symlink_to(secret)
    return path


def pipe(folder):
    path = folder / "20251122-090000-pipe.jpg"
    os.mkfifo(path)
    return path


def too_large(folder):
    path = folder / "20251122-090000-large.jpg"
    path.write_bytes(with_shot(cv2.imencode(".jpg", picture())[1].tobytes(), SHOT))
    os.truncate(path, module.MAX_SNAPSHOT_BYTES + 1)
    return path


def other_name(folder):
    path = folder / "picture.jpg"
    path.write_bytes(with_shot(cv2.imencode(".jpg", picture())[1].tobytes(), SHOT))
    return path


@pytest.mark.parametrize("make", [of_somebody_else, link, pipe, too_large, other_name])
def test_other_files_are_never_read(tmp_path, make):
    folder = tmp_path / "snapshots"
    folder.mkdir()
    with pytest.raises(OSError):
        Album([rule(folder)]).read("0", make(folder).name)


@pytest.mark.parametrize("make", [of_somebody_else, link, pipe, other_name])
def test_other_files_are_not_listed(tmp_path, make):
    folder = tmp_path / "snapshots"
    folder.mkdir()
    make(folder)
    assert Album([rule(folder)]).taken(0.0, 1e11) == []


@pytest.mark.parametrize(
    "name",
    ["../secret.jpg", "20251122-090000-/../../secret.jpg", "20251122-090000-a\0.jpg", "/etc/passwd", "", ".", ".."],
)
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    folder = tmp_path / "snapshots"
    folder.mkdir()
    link(folder)
    for asked in (name, str(Path(name))):
        with pytest.raises(FileNotFoundError):
            Album([rule(folder)]).read("0", asked)


def test_a_folder_that_no_rule_has(tmp_path):
    path = take(Album([rule(tmp_path)]), tmp_path)
    for number in ("1", "-1", "00", "٠", "9" * 5000):
        with pytest.raises(FileNotFoundError):
            Album([rule(tmp_path)]).read(number, path.name)


JPEG = cv2.imencode(".jpg", picture())[1].tobytes()
STATED = with_shot(JPEG, SHOT)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        JPEG,
        STATED[:30],
        STATED.replace(b"emotion-edge", b"emotion-edgy"),
        STATED.replace(b'"face":3', b'"face":x'),
        STATED.replace(b'"face":3', b'"face":""'),
        STATED.replace(b'"t":', b'"u":'),
        STATED.replace(b"1763800000.0", b"NaN         "),
        STATED.replace(b'"porch"', b"[[[[[[["),
        STATED.replace(b"porch", b"p\xff\xfeah"),
    ],
)
def test_damaged_comments_are_none_of_ours(content):
    assert content != STATED
    assert stated_shot(content) is None


def test_the_comment_is_read_back():
    assert stated_shot(STATED) == SHOT
    assert stated_shot(STATED[: module.COMMENT_BYTES]) == SHOT
