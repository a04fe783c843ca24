"""Archives: many videos, long ones in stretches, on several machines at once, and what happens when things break."""

import csv
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("pyarrow", reason="pip install 'emotion-edge[analyze]'")

from edge.base.errors import UserError
from edge.base.files import claimed
from edge.base.settings import DEFAULT_BUNDLE, Excerpt, Options, Wanted
from edge.base.shard import Shard
from edge.base.values import parse_clock
from edge.model.bundle import load_bundle
from edge.report.excerpt import ExcerptSource, Span
from edge.report.inputs import Place
from edge.report.job import Job, find_jobs
from edge.report.sharing import part_of
from edge.report.stretches import stretches_of
from edge.report.task import Task, crashed, tasks_of
from edge.report.work import run_task
from edge.sources.video import open_video

from .. import clips
from ..clips import WOMAN
from ..patience import LONG
from .killed import killed_by

ROOT = Path(__file__).parents[3]
SECONDS, RATE = 18, 25

pytestmark = pytest.mark.usefixtures("yunet")


def faces_at(portrait, frame):
    """Two faces that wander; the second comes after 4 s, and is away from 7.6 to 10.4 s, over a seam."""
    image, face = np.full((180, 480, 3), 90, np.uint8), cv2.resize(portrait[:300, :400], (200, 150))
    time = frame / RATE
    left = 30 + round(20 * np.sin(time))
    image[15:165, left : left + 200] = face
    if time >= 4 and not 7.6 <= time < 10.4:
        image[15:165, 270:470] = face[:, ::-1]
    return image[..., ::-1]


@pytest.fixture(scope="module", params=[".mp4", ".mkv"])
def long(request, portrait, tmp_path_factory):
    """A video with a key frame every two seconds, and pictures between that depend on later ones."""
    path = tmp_path_factory.mktemp("long") / f"long{request.param}"
    options = {"g": "50", "keyint_min": "50", "bf": "2", "preset": "ultrafast", "sc_threshold": "0"}
    return clips.write_video(path, (faces_at(portrait, i) for i in range(SECONDS * RATE)), options=options)


def job_of(video, folder, name, model, **excerpt):
    return Job(video, Place(folder, name), Options(model=model), Wanted(excerpt=Excerpt(**excerpt)))


def done(job):
    """Do all tasks of a job; gives their outcomes."""
    return [run_task(task, lambda share: None) for task in tasks_of([job], [])]


def rows(folder, name):
    with (folder / f"{name}.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def of_person(row):
    return int(row["person"]), int(row["frame"])


def times(source):
    return [frame.captured for frame in iter(source.read, None)]


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


class TestStretches:
    def test_they_have_every_frame_once(self, long):
        whole = [picture.seconds for picture in open_video(long)]
        cuts = stretches_of(long, Excerpt(split_minutes=0.1))
        assert [cut.number for cut in cuts] == [1, 2, 3]
        found = []
        for cut in cuts:
            source = ExcerptSource(long, cut.span())
            read = times(source)
            source.close()
            own = [time for time in read if time >= source.begins]
            assert cut.number == 1 or read[0] == pytest.approx(own[0] - 5, abs=2.01), "with a lead-in"
            found.append(own)
        assert [time for own in found for time in own] == whole
        assert all(len(own) > 100 for own in found)

    def test_a_stretch_without_a_key_frame_is_empty(self, portrait, tmp_path):
        options = {"g": "1000", "keyint_min": "1000", "sc_threshold": "0", "preset": "ultrafast"}
        video = clips.write_video(tmp_path / "a.mp4", (faces_at(portrait, i) for i in range(150)), options=options)
        found = []
        for cut in stretches_of(video, Excerpt(split_minutes=0.025)):
            source = ExcerptSource(video, cut.span())
            found.append([time for time in times(source) if source.begins is not None and time >= source.begins])
        assert [len(own) for own in found] == [150, 0, 0, 0]

    def test_joined_they_are_the_whole(self, long, bundle, tmp_path):
        done(job_of(long, tmp_path, "whole", bundle))
        outcomes = done(job_of(long, tmp_path, "split", bundle, split_minutes=0.1))
        assert len(outcomes) == 3
        assert not any(outcome.failed for outcome in outcomes)
        # Either of two faces that are as sure as one another may come first in a frame.
        whole, split = (sorted(rows(tmp_path, name), key=of_person) for name in ("whole", "split"))
        assert len({row["person"] for row in whole}) == 3, "one stays, one comes back under a new number"
        keys = ("frame", "time_s", "person")
        assert [[row[key] for key in keys] for row in split] == [[row[key] for key in keys] for row in whole]
        same = [ours["emotion"] == theirs["emotion"] for ours, theirs in zip(split, whole, strict=True)]
        assert np.mean(same) >= 0.99
        ours, theirs = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("split", "whole"))
        assert ours["frames"]["with_faces"] == theirs["frames"]["with_faces"]
        for one, other in zip(ours["persons"], theirs["persons"], strict=True):
            assert one["seen_s"] == pytest.approx(other["seen_s"], abs=0.05)
            assert one["shares"] == pytest.approx(other["shares"], abs=0.01)
        pictures = [(tmp_path / f"{name}.html").read_text().count("data:image/jpeg") for name in ("split", "whole")]
        assert pictures[0] == pictures[1] > 0
        assert not list(tmp_path.glob(".*")), "no part and no claim is left"

    def test_only_what_is_missing_is_done_again(self, long, bundle, tmp_path):
        job, model = job_of(long, tmp_path, "a", bundle, split_minutes=0.1), load_bundle(bundle)
        tasks = tasks_of([job], [])
        run_task(tasks[1], lambda share: None)
        assert [task.is_done(model) for task in tasks] == [False, True, False]
        part = tasks[1].part(model)
        written = part.stat().st_mtime_ns
        run_task(tasks[1], lambda share: None)
        assert part.stat().st_mtime_ns == written
        shutil.copy(part, part.with_name("0-2-of-3.parquet"))  # of another model or other settings
        for task in tasks:
            outcome = run_task(task, lambda share: None)
        assert "450 frames" in outcome.text
        assert all(task.is_done(model) for task in tasks)
        assert run_task(tasks[0], lambda share: None).text.startswith(f"{long}: as it was")
        assert not job.place.parts.exists()

    def test_a_join_that_failed_is_done_again_by_itself(self, long, bundle, tmp_path):
        job = job_of(long, tmp_path, "a", bundle, split_minutes=0.1)
        (tmp_path / "a.html").mkdir()  # nothing can be written there
        outcomes = done(job)
        assert [outcome.failed for outcome in outcomes] == [False, False, True]
        (tmp_path / "a.html").rmdir()
        tasks = tasks_of([job], [])
        assert not any(task.is_done(load_bundle(bundle)) for task in tasks)
        assert not run_task(tasks[0], lambda share: None).failed
        assert all(task.is_done(load_bundle(bundle)) for task in tasks)

    def test_a_cut_off_video_is_kept_as_far_as_it_goes(self, long, bundle, tmp_path):
        content = long.read_bytes()
        cut = tmp_path / long.name
        cut.write_bytes(content[: len(content) // 2])
        problems = []
        tasks = tasks_of([job_of(cut, tmp_path, "a", bundle, split_minutes=0.1)], problems)
        if long.suffix == ".mp4":  # its index is at its end
            assert (tasks, "not a video that can be decoded" in str(problems[0])) == ([], True)
            return
        outcomes = [run_task(task, lambda share: None) for task in tasks]
        assert [outcome.failed for outcome in outcomes] == [False, False, True]
        assert "is cut off after" in outcomes[-1].text
        assert 50 < json.loads((tmp_path / "a.json").read_text())["frames"]["answered"] < 450

    @pytest.mark.parametrize("given", [{"annotated": True}, {"blur": True}])
    def test_what_needs_one_piece_is_refused(self, long, bundle, tmp_path, given):
        wanted = Wanted(excerpt=Excerpt(split_minutes=0.1), **given)
        with pytest.raises(UserError, match="needs videos in one piece, and --split-minutes cuts them"):
            find_jobs([long], tmp_path, Options(model=bundle), wanted)

    @pytest.mark.skipif(not WOMAN.exists(), reason="no real clip in ../shared")
    def test_a_real_clip_in_stretches_of_three_seconds(self, tmp_path):
        done(job_of(WOMAN, tmp_path, "whole", DEFAULT_BUNDLE))
        assert len(done(job_of(WOMAN, tmp_path, "split", DEFAULT_BUNDLE, split_minutes=0.05))) == 5
        whole, split = rows(tmp_path, "whole"), rows(tmp_path, "split")
        same = [
            [ours[key] == theirs[key] for key in ("frame", "time_s", "person", "emotion")]
            for ours, theirs in zip(split, whole, strict=True)
        ]
        assert np.mean(same) >= 0.99


class TestExcerpts:
    def test_frames_from_and_to_a_time(self, long, bundle, tmp_path):
        done(job_of(long, tmp_path, "whole", bundle))
        outcome = done(job_of(long, tmp_path, "a", bundle, start=3.1, end=5.0))[0]
        assert "47 frames" in outcome.text
        found = {row["time_s"] for row in rows(tmp_path, "a")}
        assert found <= {row["time_s"] for row in rows(tmp_path, "whole")}
        assert (min(map(float, found)), max(map(float, found))) == (pytest.approx(3.12), pytest.approx(4.96))

    def test_one_of_several_frames(self, long, bundle, tmp_path):
        done(job_of(long, tmp_path, "a", bundle, every=5))
        found = sorted({float(row["time_s"]) for row in rows(tmp_path, "a")})
        assert np.diff(found) == pytest.approx(0.2)
        assert json.loads((tmp_path / "a.json").read_text())["frames"]["answered"] == 90

    def test_stretches_of_some_of_the_frames(self, long, bundle, tmp_path):
        outcomes = done(job_of(long, tmp_path, "a", bundle, start=1.0, end=14.0, every=2, split_minutes=0.1))
        assert len(outcomes) == 2
        found = sorted({float(row["time_s"]) for row in rows(tmp_path, "a")})
        assert 1.0 <= found[0] < 1.3
        assert 13.8 < found[-1] < 14.0
        assert Counter(np.diff(found).round(3)).most_common(1)[0][0] == pytest.approx(0.08)

    def test_a_time_after_the_end_is_told(self, long, bundle, tmp_path):
        (outcome,) = done(job_of(long, tmp_path, "a", bundle, start=60.0))
        assert outcome.failed
        assert "no frame between --from and --to" in outcome.text
        assert files(tmp_path) == {"a.error.txt"}

    def test_a_span_that_is_none_is_refused(self, long, bundle, tmp_path):
        with pytest.raises(UserError, match="--from is not before --to"):
            find_jobs([long], tmp_path, Options(model=bundle), Wanted(excerpt=Excerpt(start=3.0, end=3.0)))

    def test_an_excerpt_of_a_file_without_an_index_is_read_from_its_beginning(self, portrait, tmp_path):
        video = clips.write_video(tmp_path / "a.ts", (faces_at(portrait, i) for i in range(50)))
        assert len(times(ExcerptSource(video, Span(1.0)))) == 25
        assert stretches_of(video, Excerpt(split_minutes=0.01)) == []


class TestShards:
    @pytest.fixture
    def tasks(self, tmp_path):
        sizes = np.random.default_rng(0).integers(1, 1000, 50).tolist()
        for number, size in enumerate(sizes):
            (tmp_path / f"{number}.mp4").write_bytes(b"x" * size)
        return [Task(Job(tmp_path / f"{n}.mp4", Place(tmp_path, str(n)), Options(), Wanted())) for n in range(50)]

    @pytest.mark.parametrize("total", [1, 2, 7, 60])
    def test_every_task_is_in_one_of_them(self, tasks, total):
        parts = [part_of(Shard(number, total), tasks) for number in range(1, total + 1)]
        assert sorted(task.job.place.name for part in parts for task in part) == sorted(map(str, range(50)))
        loads = [sum(task.size for task in part) for part in parts]
        assert max(loads) - min(loads) < 1000, "by bytes"

    def test_without_a_shard_it_is_all_of_them(self, tasks):
        assert part_of(None, tasks) == tasks


def command(*words):
    return [sys.executable, "-m", "edge", "analyze", *map(str, words)]


def environment(*folders, **more):
    path = os.pathsep.join(map(str, (*folders, ROOT)))
    return os.environ | {"PYTHONPATH": path, "DISPLAY": ""} | more


def analyze(folder, *words, **options):
    """Run the command to the end in `folder`; gives its status, the lines on standard output, and its errors."""
    ended = subprocess.run(
        command(*words), cwd=folder, capture_output=True, text=True, timeout=LONG, env=environment() | options
    )
    return ended.returncode, ended.stdout.splitlines(), ended.stderr


@pytest.fixture
def archive(write_clip, tmp_path):
    """Six short videos in three folders."""
    for name in ("a", "b", "2025/a", "2025/b", "2025/05/a", "2026/a"):
        (tmp_path / "archive" / name).parent.mkdir(parents=True, exist_ok=True)
        write_clip(tmp_path / "archive" / f"{name}.mp4", frames=4)
    return tmp_path


class TestRuns:
    def test_an_array_of_shards_does_all_and_nothing_twice(self, archive, bundle):
        words = ("archive", "--output", "out", "--recursive", "--model", bundle, "--jobs", 1, "--shard", "array")
        said = []
        for index in range(3):
            variables = {"SLURM_ARRAY_TASK_ID": str(7 + index), "SLURM_ARRAY_TASK_COUNT": "3"}
            status, lines, _ = analyze(archive, *words, **variables, SLURM_ARRAY_TASK_MIN="7")
            assert status == 0
            said += lines
        assert Counter("as it was" in line for line in said) == {False: 6}
        found = {str(path.relative_to(archive / "out")) for path in (archive / "out").rglob("*.json")}
        assert found == {"a.json", "b.json", "2025/a.json", "2025/b.json", "2025/05/a.json", "2026/a.json"}
        variables = {"JOB_COMPLETION_INDEX": "0", "JOB_COMPLETIONS": "1"}
        status, lines, _ = analyze(archive, *words, **variables)
        assert (status, Counter("as it was" in line for line in lines)) == (0, {True: 6})

    def test_a_shard_that_nothing_names_is_told(self, archive, bundle):
        status, _, errors = analyze(archive, "archive", "--output", "out", "--shard", "array")
        assert status == 2
        assert "neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set" in errors

    @pytest.mark.slow
    def test_an_archive_that_is_started_twice_at_the_same_time_is_done_once(self, archive, bundle):
        words = command("archive", "--output", "out", "--recursive", "--model", bundle, "--jobs", 2)
        both = [
            subprocess.Popen(words, cwd=archive, stdout=subprocess.PIPE, text=True, env=environment()) for _ in range(2)
        ]
        said = [process.communicate(timeout=4 * LONG)[0].splitlines() for process in both]
        assert [process.returncode for process in both] == [0, 0]
        for lines in said:
            assert len(lines) == 6, "each has told of all"
        done_by = Counter(line.partition(":")[0] for lines in said for line in lines if "as it was" not in line)
        assert set(done_by.values()) == {1}
        assert len(done_by) == 6
        assert not list((archive / "out").rglob(".*"))

    def test_what_another_process_is_at_is_left_to_it(self, archive, bundle):
        job, model = job_of(archive / "archive/a.mp4", archive / "out", "a", bundle), load_bundle(bundle)
        with Task(job).claimed(model) as granted:
            assert granted
            with Task(job).claimed(model) as again:
                assert not again
            assert (archive / "out/.a.claim").read_text() == str(job.video.resolve())
        with claimed(job.place.claim) as granted:
            assert granted

    def test_a_video_that_kills_its_process_costs_itself_alone(self, archive, bundle):
        hooks = killed_by("b.mp4", archive)
        words = ("archive", "--output", "out", "--model", bundle, "--jobs", 2)
        status, lines, errors = analyze(archive, *words, PYTHONPATH=environment(hooks)["PYTHONPATH"])
        assert status == 2
        assert [line.partition(":")[0] for line in lines] == ["archive/a.mp4"]
        assert "archive/b.mp4: its process ended with status -9: check the file" in errors
        assert files(archive / "out") >= {"a.json", "b.error.txt"}
        status, lines, _ = analyze(archive, *words)  # the file was mended
        assert status == 0
        assert Counter("as it was" in line for line in lines) == {True: 1, False: 1}
        assert not (archive / "out/b.error.txt").exists()

    @pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can mount a small disk")
    def test_a_full_disk_and_one_that_cannot_be_written(self, archive, bundle):
        out = archive / "out"
        out.mkdir()
        analyze(archive, "archive/a.mp4", "--output", "enough", "--model", bundle)
        pages = sum(-(-path.stat().st_size // 4096) for path in (archive / "enough").iterdir())
        mount = ["mount", "-t", "tmpfs", "-o", f"size={6 * pages}k", "tmpfs", str(out)]
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("nothing can be mounted here")
        try:
            words = ("archive", "--output", "out", "--model", bundle, "--jobs", 1)
            status, lines, errors = analyze(archive, *words)
            assert status == 2
            assert "No space left on device" in errors
            assert "Traceback" not in errors
            assert len(lines) == 1, "there was room for one of the two"
            subprocess.run(["mount", "-o", "remount,size=9m", str(out)], check=True)
            subprocess.run(["mount", "-o", "remount,ro", str(out)], check=True)
            status, lines, errors = analyze(archive, *words)
            assert status == 2
            assert "out: cannot be written" in errors
            assert "Traceback" not in errors
            subprocess.run(["mount", "-o", "remount,rw", str(out)], check=True)
            status, lines, errors = analyze(archive, *words)
            assert status == 0
            assert Counter("as it was" in line for line in lines) == {True: 1, False: 1}
        finally:
            subprocess.run(["umount", str(out)], check=True)


def test_an_outcome_is_small_enough_to_travel(archive, bundle):
    task = Task(job_of(archive / "archive/a.mp4", archive / "out", "a", bundle))
    assert len(pickle.dumps(run_task(task, lambda share: None))) < 1000
    assert len(pickle.dumps(crashed(task, -11))) < 1000


def test_another_option_or_video_has_another_key(archive, bundle):
    model = load_bundle(bundle)
    job = job_of(archive / "archive/a.mp4", archive / "out", "a", bundle)
    keys = {job.key(model), replace(job, video=archive / "archive/b.mp4").key(model)}
    keys |= {replace(job, options=Options(model=bundle, max_faces=3)).key(model)}
    os.utime(job.video, (1, 1))
    assert len(keys | {job.key(model)}) == 4
    assert cv2.__version__ not in str(job.made_from(model)), "a newer library does not do all again"


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1:30", 90), ("0:01:30.5", 90.5), ("2:00:00", 7200), ("0", 0)]
)
def test_times_are_written_as_on_a_clock(text, seconds):
    assert parse_clock(text) == seconds


@pytest.mark.parametrize("text", ["", "1:", ":30", "-1", "1:2:3:4", "1.5:30", "now", "1..5"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match="is not a time"):
        parse_clock(text)


@pytest.mark.parametrize("words", [("--jobs", 2), ("--shard", "1/2")])
def test_two_ways_to_share_the_work_are_refused(archive, bundle, words):
    status, _, errors = analyze(archive, "archive", "--output", "out", "--cluster", "local:2", *words)
    assert status == 2
    assert errors.strip().endswith("and --cluster both share the work out: leave one of the two out")
    assert not (archive / "out").exists()
