"""The command line as its users meet it: a process with arguments, two streams, a status and files."""

import json
import logging
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.app import cli, commands
from edge.app.arguments import typed
from edge.app.run import capture
from edge.app.signals import handled_signals
from edge.base.classes import EMOTIONS
from edge.base.settings import Run
from edge.model.bundle import model_file

from ..clips import noise, write_video
from ..patience import LONG, PATIENCE, STOPPED_WITHIN, patiently

ROOT = Path(__file__).parents[3]
GREETINGS = (
    "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
    "libpng warning: iCCP: known incorrect sRGB profile",
)
"""Lines that libraries write to stderr without being asked."""

SLOW_SEARCH = "WARNING find did not end within"
"""Said of a search that outlasts the time a stage gets to end: on an emulated board one does, and nothing is wrong."""

SHARES = tuple(f"{share:4}% " for share in range(101))
"""Beginnings of a line of progress, of which there is one after half a minute."""

FULL = Path("/dev/full")
DEMO_FILES = ("result.mp4", "records.jsonl", "events.jsonl", "summary.json")
pytestmark = pytest.mark.usefixtures("yunet")


def command(*arguments):
    return [sys.executable, "-m", "edge", *map(str, arguments)]


def environment(**changes):
    return os.environ | {"PYTHONPATH": str(ROOT), "DISPLAY": "", "WAYLAND_DISPLAY": ""} | changes


def edge(folder, *arguments, before=None, **changes):
    """Run to the end in `folder`; gives status, standard output, and stderr without the runtime's greetings.

    `before` is called in the new process before the program starts.
    """
    done = subprocess.run(
        command(*arguments),
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment(**changes),
        timeout=LONG,
        preexec_fn=before,
    )
    return done.returncode, done.stdout, own_lines(done.stderr)


def own_lines(stderr):
    lines = [line for line in stderr.splitlines(keepends=True) if line.strip() not in GREETINGS]
    return "".join(line for line in lines if PATIENCE == 1 or not line.startswith((SLOW_SEARCH, *SHARES)))


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def web():
    pytest.importorskip("starlette", reason="the extra 'web' is not installed")
    pytest.importorskip("uvicorn", reason="the extra 'web' is not installed")


@contextmanager
def running(folder, *arguments):
    """A process that goes on until it is ended."""
    process = subprocess.Popen(
        command(*arguments), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process, words):
    """The next line on stderr that has these words."""
    return next(line for line in iter(process.stderr.readline, "") if words in line)


def asked(url, path):
    with urllib.request.urlopen(url + path, timeout=LONG) as answer:
        return json.loads(answer.read() or "{}")


@pytest.fixture(scope="module")
def clip(portrait, tmp_path_factory):
    """A video of 12 frames in which the portrait moves a little."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 20, (400, 300))
    for i in range(12):
        writer.write(portrait[:300, 2 * i : 400 + 2 * i].copy())
    writer.release()
    return path


@pytest.fixture
def long_folder(tmp_path):
    """So many pictures that nobody waits for the end; small ones, so that a search is over soon on any machine."""
    folder = tmp_path / "long"
    folder.mkdir()
    cv2.imwrite(str(folder / "00000.png"), np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8))
    for i in range(1, 5000):
        (folder / f"{i:05}.png").hardlink_to(folder / "00000.png")
    return folder


def assert_record(record, seq, source):
    """Contract 4, key by key."""
    assert list(record) == ["seq", "t", "source", "latency_ms", "level", "faces"]
    assert (record["seq"], record["source"]) == (seq, source)
    assert record["latency_ms"] > 0
    assert abs(record["t"] - time.time()) < 3600
    for face in record["faces"]:
        assert list(face) == ["id", "box", "score", "emotion", "confidence", "reason", "probabilities"]
        assert len(face["box"]) == 4
        assert 0 < face["score"] <= 1
        assert face["emotion"] is None or face["emotion"] in EMOTIONS
        assert list(face["probabilities"]) == list(EMOTIONS)
        assert sum(face["probabilities"].values()) == pytest.approx(1, abs=0.02)
        assert face["confidence"] == pytest.approx(max(face["probabilities"].values()), abs=0.2)


def test_run_writes_records_video_and_summary(tmp_path, clip, bundle):
    status, out, err = edge(
        tmp_path,
        *("run", clip, "--model", bundle),
        *("--jsonl", "out/r.jsonl", "--video", "out/v.mp4", "--summary", "out/s.json"),
    )
    assert (status, err) == (0, "")
    assert files(tmp_path) == {"out/r.jsonl", "out/v.mp4", "out/s.json"}
    records = [json.loads(line) for line in (tmp_path / "out/r.jsonl").read_text().splitlines()]
    assert len(records) == 12
    for i, record in enumerate(records):
        assert_record(record, i, "clip.mp4")
        assert [face["id"] for face in record["faces"]] == [1]
    times = [record["t"] for record in records]
    assert np.diff(times) == pytest.approx(np.full(11, 1 / 20), abs=0.002)
    video = cv2.VideoCapture(str(tmp_path / "out/v.mp4"))
    assert sum(1 for _ in iter(lambda: video.read()[0], False)) == 12
    assert video.get(cv2.CAP_PROP_FPS) == 20
    summary = json.loads((tmp_path / "out/s.json").read_text())
    assert set(summary) == {"fps", "counts", "states", "ms"}
    assert summary["counts"]["frames"] == summary["counts"]["faces"] == summary["counts"]["frames_with_faces"] == 12
    assert set(summary["ms"]) == {"detect", "classify", "frame age", "jsonl", "video"}
    assert all(set(values) == {"p50", "p95", "p99"} for values in summary["ms"].values())
    assert out.startswith("12 frames, ")
    assert "12 faces in 12 frames" in out
    assert "dropped: none" in out


@pytest.mark.parametrize("name", ["o.mp4", "o.mkv", "o.webm"])
def test_a_disk_that_fills_up_is_one_line_and_status_2_and_leaves_no_file(tmp_path, bundle, name):
    resource = pytest.importorskip("resource", reason="no limits here")
    write_video(tmp_path / "clip.mkv", noise(40))

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    status, out, err = edge(tmp_path, "run", "clip.mkv", "--video", name, "--model", bundle, before=limit)
    assert (status, out) == (2, "")
    assert err == f"emotion-edge: {name}: cannot be written (File too large): free some space, or write elsewhere\n"
    assert files(tmp_path) == {"clip.mkv"}


@pytest.mark.skipif(not FULL.exists(), reason="no such device here")
@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        pytest.param("run CLIP --summary s.json", "s.json", id="summary"),
        pytest.param("run CLIP --jsonl r.jsonl", "the output jsonl", id="records"),
        pytest.param("run CLIP --jsonl -", "the output jsonl", id="records on standard output"),
        pytest.param("run CLIP", "standard output", id="what a run says"),
        pytest.param("predict a.png", "standard output", id="predictions"),
        pytest.param("doctor", "standard output", id="doctor"),
    ],
)
def test_a_full_device_is_one_line_and_status_2(tmp_path, bundle, clip, arguments, output):
    cv2.imwrite(str(tmp_path / "a.png"), noise(1)[0])
    for name in ("s.json", "r.jsonl"):
        (tmp_path / name).symlink_to(FULL)
    words = [*arguments.replace("CLIP", str(clip)).split(), "--model", bundle]
    with FULL.open("w") as full:
        done = subprocess.run(
            command(*words),
            cwd=tmp_path,
            stdout=full if "output" in output else subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            timeout=LONG,
        )
    line = f"emotion-edge: {output}: cannot be written (No space left on device): free some space, or write elsewhere\n"
    assert (done.returncode, own_lines(done.stderr)) == (2, line)


def test_what_is_left_of_a_recording_that_was_cut_off_is_kept(tmp_path, bundle):
    path = write_video(tmp_path / "clip.mkv", noise(40))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    status, out, err = edge(tmp_path, "run", "clip.mkv", "--jsonl", "o.jsonl", "--video", "o.mp4", "--model", bundle)
    assert status == 2
    assert re.fullmatch(r"emotion-edge: clip\.mkv: is cut off after [\d.]+ s; what could be read was kept\n", err)
    assert "written: o.mp4, o.jsonl" in out
    assert len((tmp_path / "o.jsonl").read_text().splitlines()) > 10
    assert (tmp_path / "o.mp4").stat().st_size


def test_records_on_standard_output_stay_alone_there(tmp_path, clip, bundle):
    status, out, err = edge(tmp_path, "run", clip, "--model", bundle, "--variant", "float32", "--jsonl", "-")
    assert status == 0
    assert [json.loads(line)["seq"] for line in out.splitlines()] == list(range(12))
    assert err.startswith("12 frames, ")
    assert files(tmp_path) == set()


@contextmanager
def started(folder, *arguments):
    """A process whose first record has come: it runs. Should the test wait for it in vain, it is killed."""
    process = subprocess.Popen(
        command(*arguments, "--jsonl", "-"),
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(PYTHONUNBUFFERED="1"),
    )
    watchdog = threading.Timer(LONG, process.kill)
    watchdog.start()
    try:
        yield process, process.stdout.readline()
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def test_a_pipe_that_is_closed_early_is_an_end(tmp_path, long_folder, bundle):
    with started(tmp_path, "run", long_folder, "--model", bundle) as (process, first):
        assert json.loads(first)["seq"] == 0
        process.stdout.close()
        assert own_lines(process.stderr.read()) == ""
        assert process.wait(LONG) == 0


def test_predict_prints_one_record_an_image(tmp_path, bundle, portrait):
    cv2.imwrite(str(tmp_path / "a.png"), portrait)
    cv2.imwrite(str(tmp_path / "b.jpg"), np.full((100, 100, 3), 90, np.uint8))
    cv2.imwrite(str(tmp_path / "c.bmp"), np.roll(portrait, 200, axis=1))
    status, out, err = edge(tmp_path, "predict", "a.png", "b.jpg", "c.bmp", "--model", bundle)
    assert (status, err) == (0, "")
    records = [json.loads(line) for line in out.splitlines()]
    for record, name in zip(records, ["a.png", "b.jpg", "c.bmp"], strict=True):
        assert_record(record, 0, name)
    assert [[face["id"] for face in record["faces"]] for record in records] == [[1], [], [1]], "no common past"


def test_predict_of_a_folder_and_of_a_broken_image(tmp_path, bundle, portrait):
    """The broken ones of a folder are listed; one that is named makes the status 2, when all others are through."""
    (tmp_path / "photos" / "trip").mkdir(parents=True)
    for name in ("photos/a.png", "photos/trip/a.png", "c.jpg"):
        cv2.imwrite(str(tmp_path / name), portrait)
    (tmp_path / "photos" / "b.jpg").write_bytes((tmp_path / "c.jpg").read_bytes()[:5000])
    common = ("--recursive", "--output", "out", "--model", bundle)
    status, out, err = edge(tmp_path, "predict", "photos", "c.jpg", *common)
    assert [json.loads(line)["source"] for line in out.splitlines()] == ["photos/a.png", "photos/trip/a.png", "c.jpg"]
    assert status == 0
    assert "photos: 1 could not be read:\n  photos/b.jpg: JPEG image that cannot be read" in err
    assert files(tmp_path / "out") == {"a.png", "trip/a.png", "c.jpg"}
    status, out, err = edge(tmp_path, "predict", "gone.jpg", "c.jpg", "--model", bundle)
    assert (status, len(out.splitlines())) == (2, 1)
    assert own_lines(err).startswith("emotion-edge: gone.jpg: cannot be read (No such file or directory)")
    assert edge(tmp_path, "predict", "gone.jpg", "c.jpg", "--strict", "--model", bundle)[1] == ""


def test_a_run_writes_annotated_copies_of_a_folder(tmp_path, bundle, portrait):
    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos" / "a.png"), portrait)
    cv2.imwrite(str(tmp_path / "photos" / "b.jpg"), portrait)
    status, _, err = edge(tmp_path, "run", "photos", "--images", "out", "--model", bundle)
    assert (status, own_lines(err)) == (0, "")
    assert files(tmp_path / "out") == {"a.png", "b.jpg"}
    changed = (cv2.imread(str(tmp_path / "out" / "a.png")) != portrait).any(axis=2)
    assert 0 < changed.mean() < 0.25, "drawn over, and only where the face is"


def bad_inputs(folder, make_bundle, clip, bundle):
    """Everything that users get wrong, in `folder`: name of the case, arguments, what the message must name."""
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "truncated.mp4").write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    (folder / "text.mp4").write_text("no video\n" * 100)
    (folder / "text.png").write_text("no image\n")
    (folder / "nothing").mkdir()
    (folder / "loop").symlink_to("loop")
    (folder / "mixed").mkdir()
    cv2.imwrite(str(folder / "mixed" / "a.png"), np.full((48, 64, 3), 90, np.uint8))
    (folder / "mixed" / "b.png").write_text("no image\n")
    damaged = make_bundle(folder / "damaged")
    (damaged / model_file("int8")).write_bytes((damaged / model_file("int8")).read_bytes() + b"x")
    (make_bundle(folder / "gone") / model_file("int8")).unlink()
    make_bundle(folder / "five", model={"classes": 5})


BAD_INPUTS = {
    "missing video": ("run nowhere.mp4", "nowhere.mp4: no such file"),
    "empty video": ("run empty.mp4", "empty.mp4: the file is empty"),
    "truncated video": ("run truncated.mp4", "truncated.mp4: not a video that can be decoded"),
    "text as video": ("run text.mp4", "text.mp4: not a video that can be decoded"),
    "text as image": ("run text.png", "text.png: not an image that can be read"),
    "folder without images": ("run nothing", "nothing: no images in this folder"),
    "a wrong image in a folder": ("run mixed --strict", "mixed/b.png: not an image that can be read"),
    "a link to itself as source": ("run loop", "loop: a link that leads to itself"),
    "a link to itself as summary": ("run CLIP --jsonl loop", "loop: a link that leads to itself"),
    "a link to itself as copies": ("predict mixed --output loop", "loop: a link that leads to itself"),
    "a link to itself as folder": ("demo --directory loop", "loop/result.mp4: a link that leads to itself"),
    "a link to itself as reports": ("analyze CLIP --output loop", "loop: a link that leads to itself"),
    "strict about a video": ("run CLIP --strict", "--strict is for folders"),
    "strict about a camera": ("run 97 --strict", "--strict is for folders of images"),
    "folders in images to predict": ("predict text.png --recursive", "--recursive is for folders"),
    "no such camera": ("run 97", "camera 97: not a camera that gives pictures"),
    "a folder among images to predict": ("predict nothing", "nothing: no images in this folder"),
    "copies in the folder that is read": ("predict mixed --output mixed", "mixed: is a folder that images are read"),
    "copies in a file": ("run mixed --images a.png", "a.png: annotated images are written to a folder"),
    "copies of a video": ("run CLIP --images copies", "--images needs an image or a folder of images"),
    "copies without end": ("run mixed --images copies --loop", "--loop would write copies"),
    "folders in a file": ("run text.png --recursive", "--recursive is for folders"),
    "folders in a camera": ("run 97 --recursive", "--recursive is for folders of images"),
    "image to predict": ("predict text.png", "text.png: not an image that can be read"),
    "wrong hash": ("run CLIP --model damaged", "model_int8.tflite: sha256"),
    "model file missing": ("run CLIP --model gone", "model_int8.tflite: the file is missing"),
    "no bundle": ("run CLIP --model nothing", "nothing: no model bundle here"),
    "other classes": ("run CLIP --model five", "the model has 5 classes, the manifest 7"),
    "no such variant": ("run CLIP --variant dynamic", "the bundle has no variant dynamic"),
    "a page's certificate without a page": ("run CLIP --web-cert c.pem --web-key k.pem", "--web-cert is for the live"),
    "a rate of a recording": ("run CLIP --fps 10", "--fps is for cameras, snapshots over HTTP and standard input"),
    "a size of a stream": ("run rtsp://u:secret@h/live --size 64x48", "--size is for cameras and raw frames"),
    "a control of another camera": ("run 97 --control AeEnable=false", "--control is for a Raspberry Pi's camera"),
    "udp without rtsp": ("run http://127.0.0.1/ --rtsp-transport udp", "--rtsp-transport is for rtsp:// addresses"),
    "pixels of a recording": ("run CLIP --pixel-format gray", "--pixel-format is for raw frames"),
    "a recording as live": ("run CLIP --live", "--live is for standard input"),
    "format of the video": ("run CLIP --video out/v.gif", "v.gif: the annotated video must end in"),
    # Whichever comes first is named. An output that is through before another one fails is whole, and stays.
    "outputs that cannot be": ("run CLIP --jsonl nothing --video text.png/v.mp4", ": cannot be written"),
}


@pytest.fixture(scope="module")
def wrong(tmp_path_factory, make_bundle, clip, bundle):
    """A folder of everything that users get wrong."""
    folder = tmp_path_factory.mktemp("wrong")
    bad_inputs(folder, make_bundle, clip, bundle)
    return folder


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUTS.values(), ids=BAD_INPUTS)
def test_bad_input_is_one_line_and_status_2_and_leaves_nothing(
    wrong, clip, bundle, monkeypatch, capfd, caplog, arguments, message
):
    monkeypatch.chdir(wrong)
    monkeypatch.setenv("DISPLAY", "")
    before = files(wrong)
    words = arguments.replace("CLIP", str(clip)).split()
    if "--model" not in words:
        words += ["--model", str(bundle)]
    if words[0] == "run":
        words += [*("--jsonl", "out/r.jsonl")] * ("--jsonl" not in words)
        words += [*("--video", "out/v.mp4")] * (not {"--video", "--images"} & {*words})
        words += ["--summary", "out/s.json"]
    status = cli.main(words)
    out, err = capfd.readouterr()
    err = own_lines(err)
    assert (status, out, caplog.messages) == (2, "", [])
    assert err.startswith("emotion-edge: ")
    assert message in err
    assert "secret" not in err
    assert err.count("\n") == 1, err
    assert files(wrong) == before


def test_a_program_says_one_line_of_a_missing_camera(tmp_path, bundle):
    """In a process of its own, where FFmpeg and OpenCV would write to stderr, too."""
    status, out, err = edge(tmp_path, "run", "/dev/video97", "--model", bundle, "--jsonl", "r.jsonl")
    assert (status, out, files(tmp_path)) == (2, "", set())
    assert err.startswith("emotion-edge: /dev/video97: not a camera that gives pictures")
    assert err.count("\n") == 1, err


@pytest.mark.parametrize(
    "words", [("run", ""), ("predict", ""), ("analyze", "", "--output", "o"), ("run", "0", "--jsonl", "")]
)
def test_an_empty_name_is_not_the_current_folder(capsys, words):
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 2
    assert "an empty name" in capsys.readouterr().err.splitlines()[-1]


def test_weights_that_cannot_be_fetched_are_one_line_and_status_2(tmp_path, clip, bundle):
    status, out, err = edge(
        tmp_path,
        *("run", clip, "--model", bundle),
        EMOTION_EDGE_CACHE=str(tmp_path / "cache"),
        PIP_NO_INDEX="1",
    )
    assert (status, out) == (2, "")
    assert err.startswith("emotion-edge: the YuNet weights cannot be fetched")
    assert err.count("\n") == 1
    assert not [name for name in files(tmp_path) if not name.startswith("cache/validated/")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_a_long_run_with_its_summary(tmp_path, long_folder, bundle, number):
    files_to_write = ("--video", "out/v.mp4", "--summary", "out/s.json")
    with started(tmp_path, "run", long_folder, "--model", bundle, *files_to_write) as (process, first):
        process.send_signal(number)
        rest, err = process.stdout.read(), process.stderr.read()
        assert process.wait(STOPPED_WITHIN) == 0
    records = [json.loads(line) for line in [first, *rest.splitlines()]]
    assert [record["seq"] for record in records] == list(range(len(records)))
    assert len(records) < 5000
    assert own_lines(err).startswith(f"{len(records)} frames, ")
    assert "Traceback" not in err
    assert json.loads((tmp_path / "out/s.json").read_text())["counts"]["frames"] == len(records)
    video = cv2.VideoCapture(str(tmp_path / "out/v.mp4"))
    assert sum(1 for _ in iter(lambda: video.read()[0], False)) == len(records)
    assert files(tmp_path / "out") == {"s.json", "v.mp4"}


def test_doctor_is_content(tmp_path, bundle):
    status, out, err = edge(tmp_path, "doctor", "--model", bundle)
    assert (status, err) == (0, "")
    assert "MISS" not in out
    assert "hash verified" in out


def test_doctor_names_the_missing_bundle(tmp_path):
    status, out, err = edge(tmp_path, "doctor", "--model", "nowhere")
    assert (status, err) == (2, "")
    (line,) = [line for line in out.splitlines() if line.startswith("MISS")]
    assert "nowhere: no model bundle here" in line
    assert "name default, nano, fer2013" in line


def test_demo_writes_its_files(tmp_path, clip, bundle, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(commands, "demo_clip", lambda folder: clip)  # the real one takes long on a busy machine
    assert cli.main(["demo", "--model", str(bundle), "--directory", "new/demo"]) == 0
    folder = tmp_path / "new" / "demo"
    assert files(tmp_path) == {f"new/demo/{n}" for n in DEMO_FILES}
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    assert [record["seq"] for record in records] == list(range(12))
    assert all(len(record["faces"]) == 1 for record in records)
    out = capsys.readouterr().out
    assert out.startswith("12 frames, ")
    assert out.splitlines()[-1].startswith("open new/demo/result.mp4 in a video player")


def test_demo_on_the_live_page_plays_in_a_loop_until_a_signal(web, tmp_path, demo_clip, bundle):
    with running(tmp_path, "demo", "--model", bundle, "--web", "127.0.0.1:0") as process:
        url = line_of(process, "live page: ").split()[-1]
        patiently(lambda: asked(url, "api/v1/latest"), LONG)
        process.send_signal(signal.SIGINT)
        assert process.wait(STOPPED_WITHIN) == 0
        assert "Traceback" not in process.stderr.read()
    assert files(tmp_path) == set()


def test_the_live_page_of_a_recording_stays_after_its_end(web, tmp_path, clip, bundle):
    written = tmp_path / "r.jsonl"
    with running(
        tmp_path,
        *("run", clip, "--model", bundle),
        *("--web", "127.0.0.1:0", "--jsonl", written, "--summary", "s.json"),
    ) as process:
        url = line_of(process, "live page: ").split()[-1]
        assert url in line_of(process, "the recording has ended")
        assert written.read_text().count("\n") == 12, "files are there before the page is closed"
        assert files(tmp_path) == {"r.jsonl", "s.json"}
        assert asked(url, "api/v1/stats")["state"] == "ended"
        assert asked(url, "api/v1/latest")["seq"] == 11
        process.send_signal(signal.SIGINT)
        assert process.wait(STOPPED_WITHIN) == 0
        assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    ("words", "realtime"),
    [
        pytest.param("clip.mp4", False, id="a recording"),
        pytest.param("clip.mp4 --realtime", True, id="asked for"),
        pytest.param("clip.mp4 --loop", True, id="a loop"),
        pytest.param("clip.mp4 --loop --no-realtime", False, id="a loop as fast as possible"),
        pytest.param("clip.mp4 --web", True, id="somebody looks"),
        pytest.param("clip.mp4 --web --no-realtime", False, id="somebody looks who has no time"),
        pytest.param("clip.mp4 --web --jsonl r.jsonl", False, id="every frame is written"),
        pytest.param("clip.mp4 --web --video v.mp4 --realtime", True, id="written, and asked for"),
        pytest.param("0 --web", False, id="a camera is live anyway"),
    ],
)
def test_recordings_play_at_their_own_pace_for_those_who_look(words, realtime):
    run = typed(Run, cli.parse_arguments(["run", *words.split()]))
    assert capture(run).realtime == realtime


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "COMMAND", id="no command"),
        pytest.param(["fly"], "invalid choice: 'fly'", id="unknown command"),
        pytest.param(["run", "0", "--speed", "9"], "unrecognized arguments", id="unknown option"),
        pytest.param(["run", "0", "--variant", "int4"], "invalid choice: 'int4'", id="unknown variant"),
        pytest.param(["predict"], "IMAGE", id="nothing to predict"),
    ],
)
def test_a_wrong_command_line_is_explained(capsys, arguments, message):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_the_second_signal_interrupts():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with handled_signals() as signals:
        signal.raise_signal(signal.SIGTERM)
        assert signals.stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize(
    "options",
    ["--video own.avi", "--jsonl own.avi", "--video a.mp4 --jsonl a.mp4", "--jsonl a --summary a"],
)
def test_nothing_is_written_over_the_source_or_twice(tmp_path, clip, bundle, options):
    shutil.copy(clip, tmp_path / "own.avi")
    content = (tmp_path / "own.avi").read_bytes()
    status, out, err = edge(tmp_path, "run", "own.avi", "--model", bundle, *options.split())
    assert (status, out) == (2, "")
    assert "is already the source or another output" in err
    assert files(tmp_path) == {"own.avi"}
    assert (tmp_path / "own.avi").read_bytes() == content


@pytest.mark.parametrize(
    "option",
    [
        *("--threads 0", "--detector-size 31", "--smoothing-ms nan", "--smoothing-ms -1"),
        *("--event-min-ms -1", "--event-min-confidence 1.1", "--event-min-confidence half"),
    ],
)
def test_options_out_of_range_are_refused(tmp_path, capsys, option):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["run", *option.split()])
    assert option.split()[0] in capsys.readouterr().err


def test_the_installed_command_is_the_same(tmp_path):
    script = shutil.which("emotion-edge", path=str(Path(sys.executable).parent))
    if script is None:
        pytest.skip("the package is not installed here")
    done = subprocess.run([script, "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=LONG)
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("run", "predict", "demo", "doctor"))


def test_events_are_written_one_a_line(tmp_path, clip, bundle):
    status, _, err = edge(tmp_path, "run", clip, "--model", bundle, "--events", "e.jsonl", "--no-window")
    assert (status, err) == (0, "")
    events = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert events[0]["event"] == "face_appeared"
    assert events[-1]["event"] == "face_left"
    assert all(list(event)[:4] == ["event", "t", "source", "id"] for event in events)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        pytest.param([], True, id="default"),
        pytest.param(["--event-min-ms", "60000"], False, id="lasts too short"),
        pytest.param(["--event-min-confidence", "1"], False, id="not confident enough"),
    ],
)
def test_the_limits_of_events_are_the_users(tmp_path, clip, bundle, options, told):
    status, _, err = edge(tmp_path, "run", clip, "--model", bundle, "--events", "e.jsonl", "--no-window", *options)
    assert (status, err) == (0, "")
    events = [json.loads(line)["event"] for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert ("emotion_changed" in events) == told
    assert {"face_appeared", "face_left"} <= set(events)


def test_records_and_events_do_not_share_standard_output(tmp_path, clip, bundle):
    status, out, err = edge(tmp_path, "run", clip, "--model", bundle, "--events", "-", "--jsonl", "-")
    assert (status, out) == (2, "")
    assert "is already the source or another output" in err


def test_the_sources_of_a_machine_are_listed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(commands, "list_sources", lambda: [("picamera2:0", "imx708"), ("/dev/video0", "Webcam")])
    assert cli.main(["run", "--list-sources"]) == 0
    assert capsys.readouterr().out == "picamera2:0     imx708\n/dev/video0     Webcam\n"


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--size", "640"),
        ("--size", "0x480"),
        ("--fps", "0"),
        ("--fps", "fast"),
        ("--control", "ExposureTime"),
        ("--control", "ExposureTime=long"),
        ("--control", "1=2"),
    ],
)
def test_what_cameras_cannot_be_asked_for(capsys, option, value):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["run", option, value])
    assert value in capsys.readouterr().err


def test_a_camera_that_is_not_there_is_waited_for_until_a_signal(tmp_path, bundle):
    process = subprocess.Popen(
        command("run", "/dev/video77", "--wait-for-camera", "--model", bundle, "--no-window", "--summary", "s.json"),
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    while "waiting for it" not in (line := process.stderr.readline()):
        assert line, "it ended"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=STOPPED_WITHIN)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert files(tmp_path) == set(), "what was never begun has no summary"


class Fed:
    """A run whose frames, the portrait again and again, are handed to it one by one."""

    def __init__(self, folder, bundle, portrait, *arguments):
        height, width = portrait.shape[:2]
        self._frame = portrait.tobytes()
        self.process = subprocess.Popen(
            command("run", "-", "--live", "--size", f"{width}x{height}", "--model", bundle, "--jsonl", "-", *arguments),
            cwd=folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def record(self):
        self.process.stdin.write(self._frame)
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def told(self, words):
        """The first line on stderr with these words."""
        while words not in (line := self.process.stderr.readline().decode()):
            assert line, f"it ended with {self.process.wait(LONG)} and did not say '{words}'"
        return line

    def end(self):
        out, err = self.process.communicate(timeout=LONG)
        return self.process.returncode, out.decode(), err.decode()


@pytest.mark.parametrize("abandoned", [True, False])
def test_the_end_waits_for_no_thread_that_hangs(tmp_path, abandoned):
    """Python's own end, which would call what is registered, is left out where a thread could come back during it."""
    code = f"""
import atexit, threading
from edge.app import cli
if {abandoned}:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
atexit.register(print, "taken down")
cli.main = lambda: 3
cli.program()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), timeout=LONG)
    assert (done.returncode, done.stderr) == (3, "")
    assert ("taken down" in done.stdout) == (not abandoned)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signal here")
def test_sighup_loads_the_model_anew_and_keeps_the_old_one_where_the_new_is_broken(tmp_path, bundle, portrait):
    own = Path(shutil.copytree(bundle, tmp_path / "own"))
    fed = Fed(tmp_path, own, portrait)
    before = fed.record()
    fed.process.send_signal(signal.SIGHUP)
    fed.told("the model was loaded anew")
    model = own / model_file("int8")
    model.write_bytes(model.read_bytes()[:100])
    fed.process.send_signal(signal.SIGHUP)
    assert "int8" in fed.told("the model stays as it was")
    after = fed.record()
    assert (before["seq"], after["seq"]) == (0, 1)
    assert len(after["faces"]) == len(before["faces"]) == 1
    assert fed.end()[0] == 0


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signal here")
def test_sighup_reads_the_configuration_file_again(tmp_path, bundle, portrait):
    file = tmp_path / "home.toml"
    file.write_text("[recognition]\nthreads = 1\n")
    fed = Fed(tmp_path, bundle, portrait, "--config", "home.toml", "--event-min-ms", "700")
    assert fed.record()["faces"][0].get("reason") != "small"
    file.write_text("[recognition]\nthreads = 2\nquality.min_face_size = 5000\n[events]\nmin_seconds = 3\n")
    fed.process.send_signal(signal.SIGHUP)
    told = fed.told("home.toml was read again")
    assert told.endswith("; changed: recognition.quality.min_face_size; needs a restart: recognition.threads\n")
    fed.told("the model was loaded anew")
    assert fed.record()["faces"][0]["reason"] == "small"
    file.write_text("threads = 2\n")
    fed.process.send_signal(signal.SIGHUP)
    assert "home.toml:1: threads: unknown option" in fed.told("the options stay as they were")
    fed.told("the model was loaded anew")
    assert fed.record()["seq"] == 2
    assert fed.end()[0] == 0


@pytest.mark.parametrize(
    "text", ["8080", ":8080", "host", "host:", "host:http", "host:70000", "::1:80", "a..b:80", "clip.mp4"]
)
def test_what_the_live_page_cannot_be_told_to_listen_on(capsys, text):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["run", "--web", text])
    assert f"{text} is not an address" in capsys.readouterr().err


def test_a_run_is_shown_on_its_live_page_until_a_signal(web, tmp_path, bundle, portrait):
    fed = Fed(tmp_path, bundle, portrait, "--web", "127.0.0.1:0")
    url = fed.told("live page: ").split()[-1]
    record = fed.record()

    patiently(lambda: asked(url, "api/v1/latest") == record, LONG)
    fed.process.send_signal(signal.SIGTERM)
    status, _, err = fed.end()
    assert status == 0
    assert "live page" in err, "the statistics name it"
    assert "Traceback" not in err


def test_the_live_pages_port_in_use_is_one_line_and_status_2(web, tmp_path, clip, bundle):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, out, err = edge(tmp_path, "run", clip, "--model", bundle, "--web", address, "--jsonl", "r.jsonl")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"{address}: cannot be listened on" in err
    assert files(tmp_path) == set()


def test_a_certificate_without_its_key_is_refused(tmp_path, clip, bundle):
    status, _, err = edge(tmp_path, "run", clip, "--model", bundle, "--web", "--web-cert", "cert.pem")
    assert (status, err.count("\n")) == (2, 1)
    assert "--web-cert and --web-key: one is missing" in err


def test_the_live_page_without_its_packages_names_them(tmp_path, clip, bundle):
    (tmp_path / "starlette.py").write_text("raise ModuleNotFoundError('not here', name='starlette')")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    status, _, err = edge(tmp_path, "run", clip, "--model", bundle, "--web", PYTHONPATH=path)
    assert (status, err.count("\n")) == (2, 1)
    assert "pip install 'emotion-edge[web]'" in err


def test_help_shows_defaults_where_there_are_any(capsys):
    with pytest.raises(SystemExit):
        cli.main(["run", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "(default: int8)" in told
    assert "(default: default)" in told, "the name of the model"
    assert not {"(default: None)", "(default: False)", "(default: [])"} & set(re.findall(r"\(default: [^)]*\)", told))


def test_only_the_commands_own_options_are_declared_at_a_start(monkeypatch):
    declared = []
    monkeypatch.setattr(cli, "add_options", lambda parser, settings: declared.append(settings))
    cli.parse_arguments(["--verbose", "run"])
    assert declared == [cli.COMMANDS["run"][0]]


@pytest.mark.parametrize("words", [["--verbose", "doctor"], ["doctor", "--verbose"], ["doctor"]])
def test_verbose_may_stand_before_and_after_the_command(words, capsys, monkeypatch):
    levels = []
    monkeypatch.setattr(cli.logging, "basicConfig", lambda handlers, level: levels.append(level))
    monkeypatch.setattr("edge.app.doctor.examine", lambda model: [])
    assert cli.main(words) == 0
    assert levels == [logging.INFO if "--verbose" in words else logging.WARNING]


def test_an_unknown_option_is_told_with_the_commands_own_usage(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["run", "--foo"])
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("usage: emotion-edge run ")
    assert told.endswith("error: unrecognized arguments: --foo\n")


def test_the_version(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"emotion-edge {version('emotion-edge')}\n"
