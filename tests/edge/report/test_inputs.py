"""The videos that are meant, and unique names for their reports."""

import json
from pathlib import Path

import pytest

from edge.base.files import NAME_BYTES, claimed
from edge.report.inputs import SUMMARY, Found, Place, find_places, find_videos


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"video")
    return folder


def names(places):
    return [place.name for place in places]


def places_of(videos, folder):
    """Places of videos that were named themselves."""
    return find_places([Found(video) for video in videos], folder)


def own(place, video):
    """Put the summary of a finished report there."""
    place.folder.mkdir(exist_ok=True)
    place.path(SUMMARY).write_text(json.dumps({"made_from": {"video": {"path": str(video.resolve())}}}))


def test_a_folder_stands_for_its_videos_in_the_order_of_their_names(tmp_path):
    touch(tmp_path, "b.MP4", "a.mkv", "notes.txt", ".hidden.mp4", "a.annotated.mp4", "deeper/c.mp4")
    found = [Found(tmp_path / "a.mkv"), Found(tmp_path / "b.MP4")]
    assert find_videos([tmp_path]) == (found, [], [tmp_path / "notes.txt"])


def test_videos_by_all_their_names_are_found(tmp_path):
    touch(tmp_path, "cam.h264", "cam.mjpeg", "VTS_01.VOB", "x.asf", "drive.m2t")
    assert len(find_videos([tmp_path]).videos) == 5


def test_the_files_of_a_report_are_no_inputs(tmp_path):
    touch(tmp_path, "a.mp4", "a.csv", "b.csv")
    own(Place(tmp_path, "a"), tmp_path / "a.mp4")
    assert find_videos([tmp_path]) == ([Found(tmp_path / "a.mp4")], [], [tmp_path / "b.csv"])


def test_a_folder_that_may_not_be_looked_into_is_told_with_its_reason(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    _, (problem,), _ = find_videos([tmp_path])
    assert problem.problem == f"{tmp_path}: cannot be read (Permission denied)"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("y" * 251 + ".mp4", id="as long as may be"),
        pytest.param("ü" * 125 + ".mp4", id="as long as may be, of two bytes each"),
        pytest.param("caf\udce9.mp4", id="not UTF-8"),
        pytest.param("a\nb.mp4", id="a control character"),
    ],
)
def test_a_report_has_a_name_that_can_be_written_and_read(tmp_path, name):
    touch(tmp_path, name, f"more/{name}", f"even/more/{name}")
    places = places_of([tmp_path / part / name for part in ("", "more", "even/more")], tmp_path / "out")
    assert len(set(names(places))) == 3
    for place in places:
        assert len(place.name.encode()) <= NAME_BYTES
        assert place.name.isprintable()


def test_each_video_is_taken_once(tmp_path, monkeypatch):
    touch(tmp_path, "a.mp4")
    monkeypatch.chdir(tmp_path)
    videos, *_ = find_videos([tmp_path / "a.mp4", tmp_path, (tmp_path / "a.mp4").relative_to(tmp_path)])
    assert videos == [Found(tmp_path / "a.mp4")]


def test_what_is_wrong_is_told_and_the_rest_is_found(tmp_path):
    touch(tmp_path, "good/a.mp4", "none/notes.txt", "face.jpg")
    videos, problems, _ = find_videos([tmp_path / name for name in ("gone.mp4", "none", "face.jpg", "good")])
    assert videos == [Found(tmp_path / "good" / "a.mp4")]
    assert [problem.problem.rpartition(": ")[2] for problem in problems] == [
        "no such file or folder",
        "no videos in this folder",
        "a picture, not a video",
    ]


@pytest.mark.parametrize(
    ("videos", "expected"),
    [
        pytest.param(["a.mp4", "b.mp4"], ["a", "b"], id="different"),
        pytest.param(["walk/a.mp4", "talk/a.mp4"], ["a", "talk-a"], id="two folders"),
        pytest.param(["walk/a.mp4", "walk/a.avi"], ["a", "walk-a"], id="two endings"),
        pytest.param(["walk/a.mp4", "walk/A.mp4"], ["a", "walk-A"], id="letters that some file systems do not tell"),
    ],
)
def test_names_are_short_and_each_is_one_videos(tmp_path, videos, expected):
    touch(tmp_path, *videos)
    assert names(places_of([tmp_path / video for video in videos], tmp_path / "out")) == expected


def test_where_folders_are_called_alike_too_names_still_differ(tmp_path):
    videos = ["1/walk/a.mp4", "2/walk/a.mp4", "3/walk/a.mp4", "4/walk/a.mp4"]
    touch(tmp_path, *videos)
    found = names(places_of([tmp_path / video for video in videos], tmp_path))
    assert found[:2] == ["a", "walk-a"]
    assert len(set(found)) == 4


def test_a_video_keeps_its_name_and_takes_no_other_ones(tmp_path):
    touch(tmp_path, "walk/a.mp4", "talk/a.mp4")
    walk, talk = tmp_path / "walk" / "a.mp4", tmp_path / "talk" / "a.mp4"
    out = tmp_path / "out"
    own(Place(out, "a"), walk)
    assert names(places_of([talk], out)) == ["talk-a"]
    own(Place(out, "talk-a"), talk)
    assert names(places_of([talk, walk], out)) == ["talk-a", "a"]


@pytest.mark.parametrize("ending", [".csv", ".html", ".annotated.mp4", ".eaf"])
def test_a_file_of_somebody_elses_is_not_written_over(tmp_path, ending):
    touch(tmp_path, "walk/a.mp4", f"walk/a{ending}")
    assert names(places_of([tmp_path / "walk" / "a.mp4"], tmp_path / "walk")) == ["walk-a"]


@pytest.mark.parametrize("content", ["no JSON", "[]", '{"frames": 3}', '{"made_from": "flour"}'])
def test_neither_is_what_is_no_summary_of_ours(tmp_path, content):
    touch(tmp_path, "walk/a.mp4")
    (tmp_path / "walk" / "a.json").write_text(content)
    assert names(places_of([tmp_path / "walk" / "a.mp4"], tmp_path / "walk")) == ["walk-a"]


def test_the_folders_in_a_folder_are_searched_where_that_is_wanted(tmp_path):
    touch(tmp_path, "b.mp4", "2025/05/a.mp4", "2025/a.mp4", ".hidden/c.mp4", "2025/.d.mp4")
    (tmp_path / "2025/loop").symlink_to(tmp_path)
    videos, problems, _ = find_videos([tmp_path], recursive=True)
    assert problems == []
    assert [str(video.path.relative_to(tmp_path)) for video in videos] == ["b.mp4", "2025/a.mp4", "2025/05/a.mp4"]
    assert names(find_places(videos, tmp_path / "out")) == ["b", "2025/a", "2025/05/a"], "as in the archive"
    (problem,) = find_videos([touch(tmp_path / "deep", "deeper/a.mp4")]).problems
    assert problem.remedy.endswith("or --recursive for the folders in it")


def test_a_report_that_is_just_being_put_there_keeps_its_name(tmp_path):
    touch(tmp_path, "walk/a.mp4")
    video, place = tmp_path / "walk/a.mp4", Place(tmp_path / "out", "a")
    place.folder.mkdir()
    place.path(".csv").touch()
    assert names(places_of([video], place.folder)) == ["walk-a"], "the file of another"
    with claimed(place.claim, str(video.resolve())):
        assert names(places_of([video], place.folder)) == ["a"]
