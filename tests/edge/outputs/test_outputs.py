"""Files appear whole, or not at all, or line by line where the source is live."""

import io
import json
import sys

import cv2
import numpy as np
import pytest

from edge.base.errors import UserError
from edge.outputs import lines
from edge.outputs.clock import Clock
from edge.outputs.lines import JsonLines
from edge.outputs.video import AnnotatedVideo

from ..stand_ins import face, picture, result


def write_all(output, results):
    with output:
        for one in results:
            output.write(one)


def write_and_fail(output, results):
    with output:
        for one in results:
            output.write(one)
        raise ZeroDivisionError


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


RESULTS = [result(0), result(1, face()), result(2, face(None), face(5, number=2))]


class TestJsonLines:
    def test_a_recordings_file_appears_whole_at_the_end(self, tmp_path):
        path = tmp_path / "new" / "records.jsonl"
        with JsonLines(path, live=False) as output:
            for one in RESULTS:
                output.write(one)
                assert not path.exists()
        assert records(path) == [one.record() for one in RESULTS]
        assert list(path.parent.iterdir()) == [path]

    def test_a_cameras_file_grows_line_by_line(self, tmp_path):
        path = tmp_path / "new" / "records.jsonl"
        with JsonLines(path, live=True) as output:
            for i, one in enumerate(RESULTS):
                output.write(one)
                assert records(path) == [r.record() for r in RESULTS[: i + 1]]
        assert list(path.parent.iterdir()) == [path]

    def test_a_recording_that_fails_leaves_nothing_behind(self, tmp_path):
        with pytest.raises(ZeroDivisionError):
            write_and_fail(JsonLines(tmp_path / "records.jsonl", live=False), RESULTS)
        assert list(tmp_path.iterdir()) == []

    def test_a_recording_that_fails_leaves_the_old_file(self, tmp_path):
        path = tmp_path / "records.jsonl"
        path.write_text("old")
        with pytest.raises(ZeroDivisionError):
            write_and_fail(JsonLines(path, live=False), RESULTS)
        assert path.read_text() == "old"
        assert list(tmp_path.iterdir()) == [path]

    def test_what_a_camera_saw_stays_when_it_fails(self, tmp_path):
        path = tmp_path / "records.jsonl"
        with pytest.raises(ZeroDivisionError):
            write_and_fail(JsonLines(path, live=True), RESULTS)
        assert len(records(path)) == len(RESULTS)

    def test_a_recording_without_frames_has_no_records(self, tmp_path):
        write_all(JsonLines(tmp_path / "records.jsonl", live=False), [])
        assert (tmp_path / "records.jsonl").read_text() == ""

    @pytest.mark.parametrize("live", [False, True])
    def test_a_dash_is_standard_output(self, tmp_path, monkeypatch, capsys, live):
        monkeypatch.chdir(tmp_path)
        write_all(JsonLines(lines.Path("-"), live=live), RESULTS)
        assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [r.record() for r in RESULTS]
        assert list(tmp_path.iterdir()) == []
        print("still open")  # noqa: T201
        assert capsys.readouterr().out == "still open\n"

    def test_a_camera_is_followed_line_by_line_through_a_pipe_too(self, monkeypatch):
        reached = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(reached, 1 << 16)))
        with JsonLines(lines.Path("-"), live=True) as output:
            for i, one in enumerate(RESULTS):
                output.write(one)
                assert len(reached.getvalue().splitlines()) == i + 1

    def test_a_disk_that_fills_up_leaves_nothing_behind(self, tmp_path, monkeypatch):
        class FullDisk(io.StringIO):
            def flush(self):
                raise OSError(28, "No space left on device")

            def close(self):
                super().close()
                raise OSError(28, "No space left on device")

        monkeypatch.setattr(lines.Path, "open", lambda path, mode, **_: FullDisk())
        with pytest.raises(OSError, match="No space left"):
            write_all(JsonLines(tmp_path / "records.jsonl", live=False), RESULTS)
        assert list(tmp_path.iterdir()) == []


def frames_of(path):
    capture = cv2.VideoCapture(str(path))
    fps = capture.get(cv2.CAP_PROP_FPS)
    images = []
    while (got := capture.read())[0]:
        images.append(got[1])
    capture.release()
    return fps, images


def coloured(*levels, size=(64, 48)):
    return [result(i, image=picture((v, v, v), *size)) for i, v in enumerate(levels)]


class TestAnnotatedVideo:
    @pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.webm", "CLIP.MP4"])
    @pytest.mark.parametrize("live", [False, True])
    def test_every_frame_is_in_it(self, tmp_path, name, live):
        path = tmp_path / "new" / name
        write_all(AnnotatedVideo(path, 30, live=live), coloured(20, 80, 140, 200))
        _, images = frames_of(path)
        assert [image.mean() for image in images] == pytest.approx([20, 80, 140, 200], abs=5)
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.webm"])
    def test_faces_are_drawn(self, tmp_path, name):
        image = picture(width=320, height=240)
        write_all(AnnotatedVideo(tmp_path / name, 10), [result(0, face(box=(50, 60, 80, 90)), image=image)])
        (drawn,) = frames_of(tmp_path / name)[1]
        assert np.abs(drawn[50:].astype(int) - 90).max() > 100

    @pytest.mark.parametrize(
        ("live", "clock", "widest"),
        [
            pytest.param(False, None, 60, id="of a recording"),
            pytest.param(True, None, 200, id="of day"),
            pytest.param(True, Clock(live=False), 60, id="of a recording that plays like a camera"),
        ],
    )
    def test_a_clock_is_drawn(self, tmp_path, live, clock, widest):
        write_all(
            AnnotatedVideo(tmp_path / "clip.mp4", 1, live=live, clock=clock), coloured(90, 90, 90, size=(640, 480))
        )
        first, _, last = (image.astype(int) for image in frames_of(tmp_path / "clip.mp4")[1])
        assert np.abs(first - last)[:30, :widest].max() > 60, "it goes on"
        columns = np.flatnonzero(np.abs(first - 90).max(axis=(0, 2)) > 30)
        assert widest // 2 < columns.max() < widest

    def test_nothing_is_at_a_recordings_path_until_the_end(self, tmp_path):
        path = tmp_path / "clip.mp4"
        with AnnotatedVideo(path, 10) as output:
            output.write(RESULTS[0])
            assert not path.exists()
        assert len(frames_of(path)[1]) == 1, "the writer is through when the file appears"

    def test_a_cameras_file_can_be_played_while_it_grows(self, tmp_path):
        path = tmp_path / "clip.mp4"
        with AnnotatedVideo(path, 10, live=True) as output:
            for one in coloured(*range(0, 200, 20)):  # a second apart
                output.write(one)
            assert len(frames_of(path)[1]) >= 6
        assert len(frames_of(path)[1]) == 10

    def test_frames_of_another_size_take_that_of_the_first(self, tmp_path):
        mixed = [
            *coloured(20, size=(64, 48)),
            *coloured(120, size=(128, 96)),
            *coloured(200, size=(40, 80)),
        ]
        write_all(AnnotatedVideo(tmp_path / "clip.mp4", 1), mixed)
        _, images = frames_of(tmp_path / "clip.mp4")
        assert [image.shape for image in images] == [(48, 64, 3)] * 3
        assert [image[:, 22:42].mean() for image in images] == pytest.approx([20, 120, 200], abs=5)
        assert images[2][:, :16].mean() < 5, "black beside it"

    @pytest.mark.parametrize("results", [[], RESULTS])
    def test_a_failure_leaves_nothing_behind(self, tmp_path, results):
        with pytest.raises(ZeroDivisionError):
            write_and_fail(AnnotatedVideo(tmp_path / "clip.mp4", 10), results)
        assert list(tmp_path.iterdir()) == []

    def test_a_failure_leaves_what_a_camera_saw(self, tmp_path):
        with pytest.raises(ZeroDivisionError):
            write_and_fail(AnnotatedVideo(tmp_path / "clip.mp4", 10, live=True), RESULTS)
        assert len(frames_of(tmp_path / "clip.mp4")[1]) == len(RESULTS)

    @pytest.mark.parametrize("live", [False, True])
    def test_without_a_frame_there_is_no_file(self, tmp_path, live):
        write_all(AnnotatedVideo(tmp_path / "clip.mp4", 10, live=live), [])
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("name", ["clip.gif", "clip", "clip.mp4.txt"])
    def test_other_formats_are_refused_before_anything_runs(self, tmp_path, name):
        with pytest.raises(UserError, match=r"must end in \.mp4, \.mkv or \.webm"):
            AnnotatedVideo(tmp_path / name, 10)
