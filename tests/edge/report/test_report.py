"""Reports of videos as their users meet them: files that agree, runs that go on, and what happens when things break."""

import base64
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="pip install 'emotion-edge[analyze]'")

from pyarrow import parquet

from edge.app.demo import write_demo_clip
from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.base.files import NAME_BYTES
from edge.base.settings import DEFAULT_BUNDLE, Options, Wanted
from edge.faces.detector import YuNet
from edge.model.bundle import load_bundle
from edge.outputs.palette import CLASS_COLOURS
from edge.report.charts import clock, hex_colour, state_colours
from edge.report.digest import UNLABELLED
from edge.report.inputs import Place
from edge.report.job import Job, check_outputs
from edge.report.progress import BatchProgress
from edge.report.video import analyze_video
from edge.sources.video import open_video

from .. import clips
from ..clips import WOMAN
from ..patience import LONG, patiently

ROOT = Path(__file__).parents[3]
FOUND_BY = 24
"""Frame of the clip in which the face, there since frame 20, is found at the latest: searches are 0.2 s apart."""

pytestmark = pytest.mark.usefixtures("yunet")


def write_video(path, images, fps=20):
    height, width = images[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (width, height))
    for image in images:
        writer.write(image)
    writer.release()
    return path


def pictures_of(clip, path):
    """The same pictures in another container."""
    images = [picture.pixels.bgr()[..., ::-1] for picture in open_video(clip)]
    return clips.write_video(path, images, options={"g": "1", "preset": "ultrafast"})


def tinted(portrait, channel):
    """The portrait, small, in one colour: the tiny model takes red for angry and green for happy."""
    image = np.zeros_like(portrait[:300, :400])
    image[..., channel] = 130
    return cv2.addWeighted(portrait[:300, :400], 0.5, image, 0.5, 0)


@pytest.fixture(scope="module")
def clip(portrait, tmp_path_factory):
    """20 frames without a face, 20 of an angry one, 20 of a happy one; a twentieth of a second each."""
    blank = np.full((300, 400, 3), 90, np.uint8)
    images = [*[blank] * 20, *[tinted(portrait, 2)] * 20, *[tinted(portrait, 1)] * 20]
    return write_video(tmp_path_factory.mktemp("clip") / "moods & <more>.mp4", images)


def analyzed(video, folder, bundle, **wanted):
    """Analyze in this process; gives the summary."""
    return analyze_video(Job(video, Place(folder, video.stem), Options(model=bundle), Wanted(**wanted)))


@pytest.fixture(scope="module")
def report(clip, bundle, tmp_path_factory):
    """Folder of the clip's report."""
    folder = tmp_path_factory.mktemp("report")
    analyzed(clip, folder, bundle)
    return folder


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def command(*arguments):
    return [sys.executable, "-m", "edge", "analyze", *map(str, arguments)]


def environment():
    return os.environ | {"PYTHONPATH": str(ROOT), "DISPLAY": ""}


def analyze(folder, *arguments):
    """Run the command to the end in `folder`; gives status, standard output and stderr."""
    done = subprocess.run(
        command(*arguments), cwd=folder, capture_output=True, text=True, env=environment(), timeout=LONG
    )
    return (
        done.returncode,
        done.stdout,
        "".join(
            line for line in done.stderr.splitlines(keepends=True) if line.startswith(("emotion-edge:", "Traceback"))
        ),
    )


def group_lives(number):
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return True


ENDINGS = (".csv", ".html", ".json")


def files(folder):
    """Names of the files in a folder, without the index and the data set of all videos."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name != "index.html"]
    return {path.name for path in paths if path.parent.parent.name != "faces"}


class Page(HTMLParser):
    """Parser of a page; fails where elements are not closed in their order."""

    EMPTY = frozenset({"meta", "img", "br"})

    def __init__(self, text):
        super().__init__()
        self.open, self.references, self.ids, self.tags, self.words, self.rows = [], [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in self.EMPTY:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        for key, value in attributes:
            if key in ("src", "href", "xlink:href", "srcset", "data", "action"):
                self.references.append(value)
            if key == "id":
                self.ids.append(value)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.words.append(text)
        if self.open and self.open[-1] == "td":
            self.rows[-1].append(text)


@pytest.fixture(scope="module")
def page(report, clip):
    return Page((report / f"{clip.stem}.html").read_text())


def pictures(path):
    """The pictures in a page, decoded."""
    found = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", path.read_text())
    return [cv2.imdecode(np.frombuffer(base64.b64decode(one), np.uint8), cv2.IMREAD_COLOR) for one in found]


class TestFiles:
    def test_all_appear_and_nothing_else(self, report, clip):
        assert files(report) == {f"{clip.stem}{ending}" for ending in ENDINGS}

    def test_rows_are_faces_times_frames(self, report, clip):
        found = rows(report / f"{clip.stem}.csv")
        first = int(found[0]["frame"])
        assert 20 <= first <= FOUND_BY
        assert [int(row["frame"]) for row in found] == list(range(first, 60))
        assert {row["person"] for row in found} == {"1"}

    def test_csv_and_parquet_agree(self, report, clip):
        stored = parquet.read_table(Place(report, clip.stem).path(".parquet"), partitioning=None).to_pylist()
        for row, other in zip(rows(report / f"{clip.stem}.csv"), stored, strict=True):
            assert [row["emotion"], row["reason"]] == [other["emotion"] or "", other["reason"] or ""]
            numbers = [name for name in other if name not in ("emotion", "reason")]
            assert [float(row[n]) for n in numbers] == pytest.approx([other[n] for n in numbers])

    def test_frames_without_faces_are_counted_as_answered(self, report, clip):
        summary = json.loads((report / f"{clip.stem}.json").read_text())
        seen = len(rows(report / f"{clip.stem}.csv"))
        assert summary["frames"] == {
            "answered": 60,
            "with_faces": seen,
            "without_faces": 60 - seen,
            "announced_by_the_file": 60,
        }
        assert summary["faces"] == seen
        assert summary["duration_s"] == pytest.approx(3)

    def test_times_begin_at_nought_and_are_the_same_every_time(self, clip, bundle, report, tmp_path):
        found = rows(report / f"{clip.stem}.csv")
        assert [float(row["time_s"]) for row in found] == pytest.approx([int(row["frame"]) / 20 for row in found])
        analyzed(clip, tmp_path, bundle)
        for ending in (*ENDINGS, ".parquet"):
            ours, theirs = (Place(folder, clip.stem).path(ending) for folder in (tmp_path, report))
            assert ours.read_bytes() == theirs.read_bytes()

    def test_the_summary_says_what_the_figures_depend_on(self, report, clip):
        summary = json.loads((report / f"{clip.stem}.json").read_text())
        made_from = summary["made_from"]
        assert made_from["video"]["path"] == str(clip.resolve())
        assert re.fullmatch("[0-9a-f]{64}", made_from["model"]["sha256"])
        assert made_from["settings"]["smoothing"]["time_constant"] == Options().smoothing.time_constant
        assert summary["versions"]["OpenCV"] == cv2.__version__

    def test_every_face_of_a_crowd_is_read_in_every_frame(self, portrait, bundle, tmp_path):
        crowd = [np.hstack([tinted(portrait, channel)] * 3) for channel in (2, 2, 2, 1, 1, 1)]
        video, answers = write_video(tmp_path / "crowd.mp4", crowd), []
        for most in (1, 16):
            options = Options(model=bundle, max_classifications=most, detector_size=640)
            summary = analyze_video(Job(video, Place(tmp_path / "out", f"most{most}"), options, Wanted()))
            answers.append((tmp_path / "out" / f"most{most}.csv").read_bytes())
        assert summary["faces"] == 18, "three in each frame"
        assert answers[0] == answers[1]
        found = rows(tmp_path / "out" / "most1.csv")
        for person in {row["person"] for row in found}:
            happy = [float(row["p_happy"]) for row in found if row["person"] == person and int(row["frame"]) >= 2]
            assert all(before < after for before, after in pairwise(happy)), "each frame has had its say"

    @pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="FFmpeg's program is not here")
    def test_times_of_a_variable_frame_rate_are_the_files_own(self, clip, bundle, tmp_path):
        video = tmp_path / "variable.mp4"
        irregular = "select='not(mod(n,3)*lt(n,30))',settb=1/1000,setpts='PTS-STARTPTS'"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-i", clip, "-vf", irregular, "-fps_mode", "vfr", video], check=True, timeout=LONG
        )
        summary = analyzed(video, tmp_path, bundle)
        kept = [n for n in range(60) if n >= 30 or n % 3 == 0]
        found = rows(tmp_path / "variable.csv")
        expected = [kept[int(row["frame"])] / 20 for row in found]
        assert len(set(np.diff(expected).round(3))) == 2, "frames follow one another at two rates"
        assert [float(row["time_s"]) for row in found] == pytest.approx(expected, abs=0.002)
        assert summary["frames"]["answered"] == len(kept)
        assert summary["persons"][0]["seen_s"] == pytest.approx(3 - expected[0], abs=0.01)

    def test_the_annotated_video_has_every_frame(self, clip, bundle, tmp_path):
        analyzed(clip, tmp_path, bundle, annotated=True)
        video = cv2.VideoCapture(str(tmp_path / f"{clip.stem}.annotated.mp4"))
        assert sum(1 for _ in iter(lambda: video.read()[0], False)) == 60


class TestPage:
    def test_it_needs_nothing_from_outside(self, page, report, clip):
        assert page.references, "there are pictures and a link"
        assert all(reference.startswith(("data:image/jpeg;base64,", "#")) for reference in page.references)
        text = (report / f"{clip.stem}.html").read_text()
        assert not {"script", "link", "iframe", "object"} & set(page.tags)
        assert not re.search(r"@import|url\(", text)

    def test_numbers_are_not_broken_into_lines(self, report, clip):
        text = (report / f"{clip.stem}.html").read_text()
        cells = re.findall('<td( class="number")?>([^<]*)', text)
        assert all(bool(kind) == bool(re.fullmatch(r"[0-9.,:]+", words)) for kind, words in cells)
        assert any(kind for kind, _ in cells)

    def test_names_are_text(self, page):
        assert "more" not in page.tags
        assert "Facial expressions in moods & <more>.mp4" in page.words

    def test_figures_have_titles_descriptions_and_tables(self, page):
        assert page.tags.count("desc") == 2, "the shares, and the one person's time"
        assert {"shares-title", "shares-desc", "timeline-1-title", "timeline-1-desc"} <= set(page.ids)
        assert page.tags.count("table") >= 3
        assert page.tags.count("table") == page.tags.count("caption")
        assert len(page.ids) == len(set(page.ids))

    def test_it_has_the_episodes_that_the_rows_tell(self, page, report, clip):
        found = rows(report / f"{clip.stem}.csv")
        labels = [row["emotion"] for row in found]
        assert {"angry", "happy"} <= set(labels)
        for emotion in ("angry", "happy"):
            stretch = [row for row in found if row["emotion"] == emotion]
            peak = max(stretch, key=lambda row: float(row[f"p_{emotion}"]))
            times = clock(float(stretch[0]["time_s"])), clock(float(peak["time_s"]))
            assert [times[0], emotion, times[1], f"{float(peak[f'p_{emotion}']):.2f}"] in [
                [row[0], row[4], row[6], row[7]] for row in page.rows if len(row) == 8
            ]

    def test_the_moments_have_pictures_in_which_the_face_is(self, report, clip, yunet):
        found = pictures(report / f"{clip.stem}.html")
        assert len(found) == 2
        assert all(YuNet(yunet, 320, 0.6).detect(image) for image in found)

    def test_without_frames_there_is_no_picture_at_all(self, clip, bundle, tmp_path):
        analyzed(clip, tmp_path, bundle, thumbnails=False)
        text = (tmp_path / f"{clip.stem}.html").read_text()
        assert "img" not in Page(text).tags
        assert "data:image" not in text.replace("img-src data:", "")

    def test_without_a_face_there_is_a_page_that_says_so(self, write_clip, bundle, tmp_path):
        analyzed(write_clip(tmp_path / "empty.mp4"), tmp_path / "out", bundle)
        assert "No face was found in this video." in Page((tmp_path / "out" / "empty.html").read_text()).words

    def test_colours_are_those_of_the_annotated_video(self):
        colours = state_colours(EMOTIONS)
        assert colours[: len(EMOTIONS)] == tuple(map(hex_colour, CLASS_COLOURS[: len(EMOTIONS)]))
        assert len(set(colours)) == len(EMOTIONS) + len(UNLABELLED)
        assert hex_colour((1, 2, 255)) == "#ff0201"

    @pytest.mark.parametrize(
        ("seconds", "text"),
        [(0, "0:00.00"), (59.999, "1:00.00"), (61.25, "1:01.25"), (3599.996, "1:00:00.00"), (7325.5, "2:02:05.50")],
    )
    def test_times_are_read_as_on_a_clock(self, seconds, text):
        assert clock(seconds) == text


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device here")
@pytest.mark.parametrize("ending", [".html", ".json"])
def test_a_disk_that_is_full_at_the_end_is_named_by_the_file(clip, bundle, tmp_path, ending):
    full = tmp_path / f"{clip.stem}{ending}"
    full.symlink_to("/dev/full")
    with pytest.raises(UserError, match=rf"{clip.stem}{ending}: cannot be written \(No space left on device\)"):
        analyzed(clip, tmp_path, bundle)
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == [full], "no other file of the report appears"


@pytest.fixture(scope="module")
def hidden(clip, bundle, tmp_path_factory):
    """Folder of the clip's report with blurred faces."""
    folder = tmp_path_factory.mktemp("blurred")
    analyzed(clip, folder, bundle, annotated=True, blur=True)
    return folder


class TestBlur:
    def test_no_face_is_found_in_the_pictures(self, hidden, clip, yunet):
        found = pictures(hidden / f"{clip.stem}.html")
        assert len(found) == 2
        assert not any(YuNet(yunet, 320, 0.6).detect(image) for image in found)

    def test_no_face_is_found_in_the_video(self, hidden, clip, yunet):
        video, detector = cv2.VideoCapture(str(hidden / f"{clip.stem}.annotated.mp4")), YuNet(yunet, 320, 0.6)
        count = 0
        while (got := video.read())[0]:
            assert detector.detect(got[1]) == [], f"frame {count}"
            count += 1
        assert count == 60

    def test_the_figures_stay_as_they_are(self, hidden, report, clip):
        name = f"{clip.stem}.csv"
        assert (hidden / name).read_bytes() == (report / name).read_bytes()

    def test_an_earlier_video_with_faces_does_not_stay(self, write_clip, bundle, tmp_path):
        video, out = write_clip(tmp_path / "a.mp4"), tmp_path / "out"
        analyzed(video, out, bundle, annotated=True)
        assert "a.annotated.mp4" in files(out)
        analyzed(video, out, bundle, blur=True)
        assert files(out) == {"a.csv", "a.html", "a.json"}

    def test_faces_that_are_not_followed_are_not_shown(self, portrait, bundle, tmp_path):
        two = np.hstack([portrait[:300, :400]] * 2)
        job = Job(
            write_video(tmp_path / "two.mp4", [two] * 3),
            Place(tmp_path / "out", "two"),
            Options(model=bundle, max_faces=1),
            Wanted(blur=True),
        )
        with pytest.raises(UserError, match=r"faces beyond --max-faces were not followed"):
            analyze_video(job)
        assert files(tmp_path / "out") == set()


class TestRuns:
    @pytest.mark.slow
    @pytest.mark.skipif(sys.platform != "linux", reason="other systems have other rules for names")
    def test_a_folder_of_names_that_are_hard_to_write(self, tmp_path, clip, bundle):
        videos = tmp_path / "videos"
        videos.mkdir()
        for name in (b"good.mp4", b"caf\xe9.mp4", b"y" * 251 + b".mp4", b"12:30.mp4"):
            shutil.copy(clip, videos / os.fsdecode(name))
        for _ in range(2):  # the second time, the reports are there already
            status, out, err = analyze(tmp_path, "videos", "--output", "out", "--model", bundle, "--jobs", 2)
            assert (status, err) == (0, "")
            assert len(out.splitlines()) == 4
        stems = {path.name.removesuffix(".json") for path in (tmp_path / "out").glob("*.json")}
        assert stems == {"good", "caf_xe9", "y" * NAME_BYTES, "12:30"}

    def test_a_video_that_was_cut_off_is_kept_as_far_as_it_goes(self, tmp_path, clip, bundle):
        content = pictures_of(clip, tmp_path / "whole.mkv").read_bytes()
        (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
        for _ in range(2):  # the second time, the report is there already
            status, out, err = analyze(tmp_path, "cut.mkv", "--output", "out", "--model", bundle)
            assert (status, out) == (2, "")
            assert "cut.mkv: is cut off after" in err
            assert "what could be read was kept" in err
        summary = json.loads((tmp_path / "out/cut.json").read_text())
        assert summary["frames"]["answered"] > 10
        assert summary["incomplete"]["until_s"] == pytest.approx(summary["duration_s"], abs=0.001)
        assert "This report is incomplete" in (tmp_path / "out/cut.html").read_text()

    def test_a_folder_with_a_broken_video_among_good_ones(self, tmp_path, clip, bundle):
        videos = tmp_path / "videos"
        videos.mkdir()
        shutil.copy(clip, videos / "a.mp4")
        shutil.copy(clip, videos / "c.mp4")
        (videos / "b.mp4").write_bytes(b"no video")
        (videos / "empty.mp4").write_bytes(b"")
        whole = shutil.copy(clip, videos / "d.avi").read_bytes()
        (videos / "d.avi").write_bytes(whole[: len(whole) // 2])
        status, out, err = analyze(tmp_path, "videos", "gone.mp4", "--output", "out", "--model", bundle, "--jobs", 2)
        assert status == 2
        assert sorted(line.partition(":")[0] for line in out.splitlines()) == ["videos/a.mp4", "videos/c.mp4"]
        invalid = "not a video that can be decoded (Invalid data found when processing input)"
        assert sorted(err.splitlines()) == [
            "emotion-edge: gone.mp4: no such file or folder: give a video or a folder of videos",
            f"emotion-edge: videos/b.mp4: {invalid}: check that the file is whole",
            f"emotion-edge: videos/d.avi: {invalid}: check that the file is whole",
            "emotion-edge: videos/empty.mp4: the file is empty: give a video, an image or a folder of images",
        ]
        reports = {f"{name}{ending}" for name in "ac" for ending in ENDINGS}
        assert files(tmp_path / "out") == reports | {"b.error.txt", "d.error.txt", "empty.error.txt"}
        assert (tmp_path / "out/b.error.txt").read_text().startswith("videos/b.mp4: not a video that can be decoded")

    @pytest.mark.slow
    def test_what_is_done_is_skipped_and_what_changed_is_done_again(self, tmp_path, clip, bundle, write_clip):
        video = Path(shutil.copy(clip, tmp_path / "a.mp4"))
        out = tmp_path / "out"
        arguments = ("a.mp4", "--output", "out", "--model", bundle)

        def again(*more):
            before = {path: path.stat().st_mtime_ns for path in out.glob("*")}
            assert analyze(tmp_path, *arguments, *more)[0] == 0
            return any(path.stat().st_mtime_ns != before.get(path) for path in out.glob("*"))

        assert again(), "the first time"
        assert not again(), "nothing changed"
        assert again("--smoothing-ms", "100"), "an option"
        (out / "a.csv").unlink()
        assert again(), "a file is gone"
        write_clip(video)
        assert again(), "another video"
        assert json.loads((out / "a.json").read_text())["frames"]["answered"] == 12

    def test_another_model_does_it_again(self, clip, bundle, make_bundle, tmp_path):
        job = Job(clip, Place(tmp_path, "a"), Options(model=bundle), Wanted())
        assert not job.is_done(load_bundle(bundle))
        analyze_video(job)
        assert job.is_done(load_bundle(bundle))
        other = make_bundle(tmp_path / "other", model={"size": 32}, input_size=32)
        assert not job.is_done(load_bundle(other))

    def test_an_interruption_leaves_what_is_done_and_nothing_half_done(self, tmp_path, clip, bundle, write_clip):
        videos = tmp_path / "videos"
        videos.mkdir()
        shutil.copy(clip, videos / "a.mp4")
        write_clip(videos / "long.mp4", frames=8000)
        arguments = ("videos", "--output", "out", "--model", bundle, "--jobs", 1)
        process = subprocess.Popen(
            command(*arguments),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        begun = patiently(lambda: process.poll() is not None or any((tmp_path / "out").glob(".long-*.csv")))
        assert begun
        assert process.poll() is None, process.stderr.read()
        os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C does: the children get it, too
        _, err = process.communicate(timeout=LONG)
        assert process.returncode == 130
        assert "Traceback" not in err
        assert files(tmp_path / "out") == {f"a{ending}" for ending in ENDINGS}
        patiently(lambda: not group_lives(process.pid))
        write_clip(videos / "long.mp4")  # so many frames were for the interruption alone
        status, out, _ = analyze(tmp_path, *arguments)
        assert status == 0
        assert out.splitlines()[0] == "videos/a.mp4: as it was, see out/a.html"
        assert out.splitlines()[1].startswith("videos/long.mp4: 12 frames, persons: 0")

    def test_a_video_that_changes_meanwhile_has_no_report(self, tmp_path, clip, bundle):
        video = Path(shutil.copy(clip, tmp_path / "a.mp4"))
        job = Job(video, Place(tmp_path / "out", "a"), Options(model=bundle), Wanted())
        with pytest.raises(UserError, match="the video or the model changed during the analysis"):
            analyze_video(job, lambda share: os.utime(video, (1, 1)))
        assert files(tmp_path / "out") == set()
        with pytest.raises(UserError, match="cannot be read"):
            analyze_video(job, lambda share: video.unlink(missing_ok=True))
        assert files(tmp_path / "out") == set()

    @pytest.mark.usefixtures("no_threads_left")
    def test_no_thread_is_left(self, write_clip, bundle, tmp_path):
        analyzed(write_clip(tmp_path / "a.mp4"), tmp_path / "out", bundle, annotated=True, blur=True)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            pytest.param("CLIP --output CLIP", "not a folder", id="a file for a folder"),
            pytest.param("CLIP --output out --model nothing", "nothing: no model bundle here", id="no bundle"),
        ],
    )
    def test_what_is_wrong_for_all_is_said_before_anything_runs(self, tmp_path, clip, bundle, arguments, message):
        words = [str(clip) if word == "CLIP" else word for word in arguments.split()]
        words += [] if "--model" in words else ["--model", str(bundle)]
        status, out, err = analyze(tmp_path, *words, "--annotate")
        assert (status, out) == (2, "")
        assert message in err
        assert err.count("\n") == 1
        assert files(tmp_path) == set()

    def test_an_annotated_video_of_ours_is_not_read_and_written(self, clip, bundle, tmp_path):
        annotated = Path(shutil.copy(clip, tmp_path / "a.annotated.mp4"))
        job = Job(annotated, Place(tmp_path, "b"), Options(model=bundle), Wanted())
        check_outputs([job])
        with pytest.raises(UserError, match="would be both read and written"):
            check_outputs([job, Job(clip, Place(tmp_path, "a"), Options(model=bundle), Wanted(annotated=True))])

    def test_without_the_extra_it_is_named(self, tmp_path, clip):
        code = "import sys; sys.modules['pyarrow'] = None; from edge.app.cli import main; sys.exit(main(sys.argv[1:]))"
        done = subprocess.run(
            [sys.executable, "-c", code, "analyze", clip, "--output", tmp_path / "out"],
            **{"capture_output": True, "text": True, "env": environment(), "timeout": LONG},
        )
        assert done.returncode == 2
        assert done.stderr == "emotion-edge: pyarrow is not installed: run \"pip install 'emotion-edge[analyze]'\"\n"


class TestProgress:
    def test_the_share_of_all_bytes_and_the_videos_that_are_through(self, monkeypatch, capsys):
        monkeypatch.setattr("edge.base.progress.LINE_EVERY", 0.0)
        a, b = "a.mp4", "b.mp4"
        with BatchProgress({a: 3_000_000, b: 1_000_000}) as progress:
            progress.note(a, 0.5)
            progress.tell("emotion-edge: b.mp4: no video")
            progress.end(b)
            progress.end(a)
        lines = [line.partition(" MB")[0].strip() for line in capsys.readouterr().err.splitlines()]
        assert lines == [
            "38% 0 of 2 videos: 1.5 of 4.0",
            "emotion-edge: b.mp4: no video",
            "62% 1 of 2 videos: 2.5 of 4.0",
            "100% 2 of 2 videos: 4.0 of 4.0",
        ]

    def test_nothing_is_said_of_what_is_quick(self, capsys):
        with BatchProgress({"a.mp4": 3}) as progress:
            progress.end("a.mp4")
        assert capsys.readouterr().err == ""


@pytest.mark.skipif(not WOMAN.exists(), reason="no real clip in ../shared")
def test_a_real_clip_has_a_row_a_frame_and_several_episodes(tmp_path):
    summary = analyzed(WOMAN, tmp_path, DEFAULT_BUNDLE)
    found = rows(tmp_path / "woman2.csv")
    assert summary["frames"] == {"answered": 464, "with_faces": 464, "without_faces": 0, "announced_by_the_file": 464}
    assert len(found) == 464
    assert np.diff([float(row["time_s"]) for row in found]) == pytest.approx(1001 / 30000, abs=1e-4)
    (person,) = summary["persons"]
    assert sum(person["shares"].values()) == pytest.approx(1, abs=0.001)
    for emotion in ("happy", "neutral"):
        share = sum(row["emotion"] == emotion for row in found) / len(found)
        assert person["shares"][emotion] == pytest.approx(share, abs=0.005)
    changes = [a["emotion"] != b["emotion"] and b["emotion"] for a, b in pairwise(found)]
    assert sum(person["episodes"].values()) == sum(map(bool, changes)) + bool(found[0]["emotion"])


def test_the_demo_clip_has_its_face_away_for_a_while(portrait, tmp_path):
    write_demo_clip(tmp_path / "demo.mp4")
    summary = analyzed(tmp_path / "demo.mp4", tmp_path / "out", DEFAULT_BUNDLE)
    frames = summary["frames"]
    assert frames["answered"] == 200
    assert 0 < frames["without_faces"] < 60
    assert len(rows(tmp_path / "out" / "demo.csv")) == summary["faces"] == frames["with_faces"]
