"""Faces of given sizes stand where they are said to be, and it is told which of them are found."""

import cv2
import numpy as np
import pytest

from benchmarks.measure import face_size
from benchmarks.measure.face_clips import BACKGROUNDS, FRAMES, draw_clip, find_faces
from edge.base.errors import UserError
from edge.faces.detector import open_detector

SIZE = (640, 480)


@pytest.fixture
def faces(yunet, portrait, tmp_path):
    cv2.imwrite(str(tmp_path / "portrait.png"), portrait)
    return find_faces(tmp_path)


@pytest.mark.parametrize("tilt", [0, 20])
@pytest.mark.parametrize("seed", range(BACKGROUNDS))
def test_faces_have_their_size_and_place(faces, tilt, seed):
    clip = draw_clip(faces, *SIZE, tilt, 64, seed)
    for i in (0, FRAMES - 1):
        image = clip.frame(i, *SIZE)
        assert image.shape == (480, 640, 3)
        found = open_detector("yunet", 640).detect(image)
        middles = [(x + w / 2 + i, y + h / 2 + i) for x, y, w, h in (face.box for face in found)]
        np.testing.assert_allclose(sorted(middles), sorted(clip.centres), atol=8)
        assert [min(face.box[2:]) for face in found] == pytest.approx([64] * 4, rel=0.2)


def test_what_is_large_enough_is_found(faces, monkeypatch, tmp_path):
    monkeypatch.setattr(face_size, "RESOLUTIONS", (SIZE,))
    monkeypatch.setattr(face_size, "SIZES", (8, 64))
    monkeypatch.setattr(face_size, "TILTS", (0,))
    rows = face_size.measure_face_sizes(tmp_path)
    assert [(row.way, row.size, row.found, row.faces) for row in rows] == [
        (way, size, float(size == 64), 12) for size in (8, 64) for way in face_size.WAYS
    ]
    assert {row.first for row in rows} == {None, 0.0}
    assert all(row.false_finds < 0.1 for row in rows)


def test_a_folder_without_faces_is_refused(yunet, tmp_path):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((90, 90, 3), 90, np.uint8))
    with pytest.raises(UserError, match="no face"):
        find_faces(tmp_path)
