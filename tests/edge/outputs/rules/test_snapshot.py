"""Snapshots: what is in them, and how many are kept."""

import os
import threading
from dataclasses import replace
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edge.base.settings import Rule, Snapshot
from edge.outputs.rules.album import Album
from edge.outputs.rules.conditions import Trigger
from edge.outputs.rules.snapshot import TakeSnapshot, trim

from ...stand_ins import face, result

BOX = (60, 40, 40, 40)
DAY = 86400


@pytest.fixture
def picture():
    """A picture with a striped face."""
    image = np.full((120, 200, 3), 90, np.uint8)
    image[40:80, 60:100:4] = 255
    return image


def album(snapshot):
    return Album([Rule("door", "face_appeared", snapshot=snapshot)])


def take(folder, image, *faces, number=1, times=1, **settings):
    taken = Snapshot(folder, **settings)
    action = TakeSnapshot(folder, taken, album(taken))
    trigger = Trigger("front door", "face_appeared", 1000.0, "rtsp://10.0.0.7/live", face=number)
    for _ in range(times):
        action.run(replace(trigger, result=result(0, *faces, image=image)), threading.Event())
    return sorted(folder.iterdir()) if folder.exists() else []


def sharpness(image):
    return cv2.Laplacian(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.CV_64F).std()


def test_a_picture_is_published_as_it_is_kept(tmp_path, picture):
    shown = []
    broker = SimpleNamespace(show=lambda camera, content: shown.append((camera, content)))
    trigger = Trigger("door", "face_appeared", 1000.0, "porch", result=result(0, image=picture))
    taken = Snapshot(tmp_path)
    TakeSnapshot(tmp_path, taken, album(taken), broker).run(trigger, threading.Event())
    assert shown == [("porch", path.read_bytes()) for path in tmp_path.iterdir()]


def test_the_whole_frame(tmp_path, picture):
    (path,) = take(tmp_path / "new", picture, face(box=BOX))
    assert path.name.endswith("-rtsp-10.0.0.7-live-front-door.jpg")
    shown = cv2.imread(str(path))
    assert shown.shape == picture.shape
    assert np.abs(shown.astype(int) - picture).mean() < 5


def test_the_face_alone(tmp_path, picture):
    (path,) = take(tmp_path, picture, face(box=BOX), of="face")
    assert cv2.imread(str(path)).shape == (64, 64, 3)


def test_the_largest_face_where_the_trigger_is_about_none(tmp_path, picture):
    faces = face(box=BOX), face(box=(0, 0, 100, 100), number=2)
    (path,) = take(tmp_path, picture, *faces, of="face", number=None)
    assert cv2.imread(str(path)).shape[:2] == (120, 130)


def test_no_picture_of_a_face_that_is_not_there(tmp_path, picture):
    assert take(tmp_path, picture, of="face") == []


@pytest.mark.parametrize("of", ["frame", "face"])
def test_faces_are_blurred_where_asked(tmp_path, picture, of):
    (plain,) = take(tmp_path / "plain", picture, face(box=BOX), of=of)
    (blurred,) = take(tmp_path / "blurred", picture, face(box=BOX), of=of, blur=True)
    assert sharpness(cv2.imread(str(blurred))) < sharpness(cv2.imread(str(plain))) / 4
    assert picture[40:80, 60:100:4].min() == 255, "the frame itself stays"


def test_several_in_one_second_are_all_kept(tmp_path, picture):
    assert len(take(tmp_path, picture, face(box=BOX), times=3)) == 3


def old(folder, name, age, size=1000):
    (folder / name).write_bytes(bytes(size))
    os.utime(folder / name, (1e9 - age * DAY,) * 2)


def test_what_is_old_is_removed_and_other_files_stay(tmp_path):
    old(tmp_path, "20260101-000000-a-b.jpg", 9)
    old(tmp_path, "20260102-000000-a-b.jpg", 6)
    old(tmp_path, "holiday.jpg", 900)
    trim(tmp_path, Snapshot(tmp_path, keep_days=7), 1e9)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["20260102-000000-a-b.jpg", "holiday.jpg"]


def test_the_oldest_are_removed_where_there_is_too_much(tmp_path):
    for age in range(5):
        old(tmp_path, f"2026010{age}-000000-a-b.jpg", age / 100, 400_000)
    trim(tmp_path, Snapshot(tmp_path, max_size=1.0), 1e9)
    assert sorted(path.name[:8] for path in tmp_path.iterdir()) == ["20260100", "20260101"]


def test_a_snapshot_keeps_to_the_limits(tmp_path, picture):
    old(tmp_path, "20010101-000000-a-b.jpg", 9)
    assert len(take(tmp_path, picture, face(box=BOX))) == 1
