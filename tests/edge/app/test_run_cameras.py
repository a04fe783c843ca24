"""Several cameras in one process: what they share, and that the fault of one is its own."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path

import pytest

from edge.app import cli, config
from edge.app.cameras import address, camera_conflicts, capture_of
from edge.app.off_hours import OffHours
from edge.base.credentials import camera_credentials
from edge.base.hours import Hours
from edge.base.listen import free_port
from edge.base.network import CAMERA_ADDRESS
from edge.base.run_statistics import Statistics
from edge.base.settings import Camera, Capture, Options, Outputs, Run
from edge.pipeline.faults import Faults
from edge.pipeline.gate import SWITCH, Gate

from ..http_camera import HttpCamera, jpeg
from ..patience import LONG, STOPPED_WITHIN, patiently
from ..stand_ins import picture

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no such signals here")


@pytest.fixture
def cameras():
    """Two cameras of this machine that send pictures without end."""
    sending = [HttpCamera([jpeg(picture((level,) * 3)) for level in (60 + i, 120 + i)]) for i in range(2)]
    yield sending
    for camera in sending:
        camera.close()


@pytest.fixture
def started(tmp_path, bundle, yunet):
    """`started(text)` runs a configuration file; what the run says is in `said.txt`."""
    processes = []

    def start(text, **variables):
        (tmp_path / "home.toml").write_text(f"[recognition]\nmodel = '{bundle}'\n{text}")
        environment = os.environ | {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(tmp_path)} | variables
        command = [sys.executable, "-m", "edge", "run", "--config", "home.toml", "--summary", "summary.json"]
        with (tmp_path / "said.txt").open("w") as said:
            processes.append(subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=said, stderr=said))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


class Records:
    """Records of a run while it goes on."""

    def __init__(self, path):
        self._path = path

    def of(self, camera):
        lines = self._path.read_text().split("\n")[:-1] if self._path.exists() else []
        return [record for record in map(json.loads, lines) if record["source"] == camera]


def ended(process, folder, status=0):
    """Stop a run; returns what it said and its summary."""
    process.send_signal(signal.SIGTERM)
    found, said = process.wait(STOPPED_WITHIN), (folder / "said.txt").read_text()
    assert found == status, said
    assert "Traceback" not in said
    return said, json.loads((folder / "summary.json").read_text())


def two(one, other, *options):
    return (
        f'[outputs]\njsonl = "r.jsonl"\nevents = "e.jsonl"\n'
        f'[[camera]]\nname = "porch"\nsource = "{one}"\n[[camera]]\nname = "yard"\nsource = "{other}"\n'
        + "\n".join(options)
    )


class TestRuns:
    def test_all_records_are_in_one_file_with_the_cameras_names(self, started, cameras, tmp_path):
        process = started(two(*(camera.address for camera in cameras)))
        records = Records(tmp_path / "r.jsonl")
        patiently(lambda: all(len(records.of(name)) > 3 for name in ("porch", "yard")))
        said, summary = ended(process, tmp_path)
        for name in ("porch", "yard"):
            found = records.of(name)
            assert [record["seq"] for record in found] == sorted({record["seq"] for record in found})
            assert summary["cameras"][name]["counts"]["frames"] == len(found)
            assert f"\n{name}:\n{len(found)} frames" in f"\n{said}"

    def test_an_absent_camera_that_is_waited_for_stops_nobody(self, started, cameras, tmp_path):
        nobody = f"http://127.0.0.1:{free_port()}/x"
        process = started(two(cameras[0].address, nobody, "wait_for_camera = true"))
        records = Records(tmp_path / "r.jsonl")
        patiently(lambda: len(records.of("porch")) > 3)
        said, summary = ended(process, tmp_path)
        assert len(re.findall("WARNING yard: .*; waiting for it", said)) == 1
        assert summary["cameras"]["yard"]["counts"]["source.unopened"] >= 1

    def test_an_absent_camera_that_is_not_waited_for_is_told_and_the_status_is_2(self, started, cameras, tmp_path):
        process = started(two(cameras[0].address, f"http://127.0.0.1:{free_port()}/x"))
        records = Records(tmp_path / "r.jsonl")
        patiently(lambda: "ERROR yard: " in (tmp_path / "said.txt").read_text())
        count = len(records.of("porch"))
        patiently(lambda: len(records.of("porch")) > count + 3)
        ended(process, tmp_path, status=2)

    def test_a_camera_that_is_lost_comes_back_while_the_other_goes_on(self, started, cameras, tmp_path):
        process = started(two(*(camera.address for camera in cameras)))
        records = Records(tmp_path / "r.jsonl")
        patiently(lambda: all(len(records.of(name)) > 3 for name in ("porch", "yard")))
        cameras[1].hang_up()
        patiently(lambda: "yard: lost" in (tmp_path / "said.txt").read_text())
        patiently(lambda: "yard: back" in (tmp_path / "said.txt").read_text())
        before, count = len(records.of("porch")), len(records.of("yard"))
        patiently(lambda: len(records.of("porch")) > before and len(records.of("yard")) > count + 3)
        _, summary = ended(process, tmp_path)
        assert summary["cameras"]["yard"]["counts"]["source.back"] == 1
        assert "source.lost" not in summary["cameras"]["porch"]["counts"]

    def test_recordings_end_and_with_the_last_the_run(self, started, write_clip, tmp_path):
        clips = [write_clip(tmp_path / name, frames) for name, frames in (("a.mp4", 10), ("b.mp4", 20))]
        process = started(two(*clips, 'video = "yard.mp4"', "capture.realtime = false"))
        assert process.wait(LONG) == 0, (tmp_path / "said.txt").read_text()
        records = Records(tmp_path / "r.jsonl")
        assert [record["seq"] for record in records.of("yard")] == list(range(20))
        assert records.of("porch")[-1]["seq"] == 9, "in real time, some may be left out"
        assert (tmp_path / "yard.mp4").stat().st_size > 0

    def test_what_is_no_video_is_one_cameras_error(self, started, cameras, tmp_path):
        (tmp_path / "garbage.mp4").write_bytes(bytes(range(256)) * 40)
        process = started(two(cameras[0].address, tmp_path / "garbage.mp4"))
        records = Records(tmp_path / "r.jsonl")
        patiently(lambda: len(records.of("porch")) > 3)
        said, _ = ended(process, tmp_path, status=2)
        assert "ERROR yard: " in said

    def test_sighup_changes_one_camera(self, started, cameras, tmp_path):
        text = two(*(camera.address for camera in cameras))
        process = started(text)
        records = Records(tmp_path / "r.jsonl")
        patiently(lambda: records.of("yard"))
        path = tmp_path / "home.toml"
        path.write_text(path.read_text() + '[camera.events]\nmin_seconds = 3\n[[camera]]\nname = "new"\nsource = "9"\n')
        process.send_signal(signal.SIGHUP)
        line = "home.toml was read again; changed: yard.events.min_seconds; needs a restart: camera new"
        patiently(lambda: line in (tmp_path / "said.txt").read_text())
        ended(process, tmp_path)

    def test_sigusr1_pauses_all_and_resumes_all(self, started, cameras, tmp_path):
        process = started(two(*(camera.address for camera in cameras)))
        records = Records(tmp_path / "r.jsonl")
        patiently(lambda: all(len(records.of(name)) > 3 for name in ("porch", "yard")))
        callers = [len(camera.callers) for camera in cameras]
        process.send_signal(signal.SIGUSR1)
        patiently(lambda: (count := total(records)) and not patiently_changed(lambda: total(records) > count))
        process.send_signal(signal.SIGUSR1)
        count = total(records)
        patiently(lambda: total(records) > count + 6)
        assert all(len(camera.callers) > before for camera, before in zip(cameras, callers, strict=True))
        said, _ = ended(process, tmp_path)
        assert "lost" not in said

    def test_a_camera_that_is_off_at_this_hour_is_not_opened(self, started, cameras, tmp_path):
        process = started(two(*(camera.address for camera in cameras), 'off = ["00:00-24:00"]'))
        records = Records(tmp_path / "r.jsonl")
        patiently(lambda: len(records.of("porch")) > 10)
        assert not cameras[1].callers
        ended(process, tmp_path)


def total(records):
    return len(records.of("porch")) + len(records.of("yard"))


def patiently_changed(asked):
    """Return whether something happens within half a second."""
    try:
        return patiently(asked, 0.5)
    except AssertionError:
        return False


class TestPage:
    """The live page and the metrics of two cameras."""

    @pytest.fixture
    def asked(self, started, cameras, tmp_path):
        """`asked(path)` asks the page of a run of two cameras, of which all have been seen."""
        port = free_port()
        page = f'[page]\naddress = "127.0.0.1:{port}"\n'
        process = started(page + two(*(camera.address for camera in cameras)))
        records = Records(tmp_path / "r.jsonl")
        patiently(lambda: all(records.of(name) for name in ("porch", "yard")))

        def ask(path, method="GET"):
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
            with urllib.request.urlopen(request, timeout=LONG) as answer:
                return answer.status, answer.read()

        yield ask
        ended(process, tmp_path)

    def test_each_camera_has_addresses_of_its_own(self, asked):
        status, content = asked("/api/v1/cameras")
        assert [(camera["name"], camera["paused_by"]) for camera in json.loads(content)] == [
            ("porch", []),
            ("yard", []),
        ]
        for path in ("/api/v1/cameras/yard/latest", "/api/v1/latest?camera=yard"):
            assert json.loads(asked(path)[1])["source"] == "yard"
        assert json.loads(asked("/api/v1/latest")[1])["source"] == "porch"
        assert json.loads(asked("/api/v1/cameras/yard/stats")[1])["source"] == "yard"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            asked("/api/v1/cameras/hall/latest")
        assert status == 200

    def test_a_paused_camera_shows_nothing(self, asked):
        status, content = asked("/api/v1/cameras/yard/pause", "POST")
        assert json.loads(content) == [{"name": "yard", "state": "paused", "paused_by": ["switch"], "stored": False}]
        assert asked("/api/v1/cameras/yard/latest")[0] == 204
        assert asked("/api/v1/cameras/porch/latest")[0] == status == 200
        assert json.loads(asked("/api/v1/cameras/yard/stats")[1])["state"] == "paused"
        assert asked("/healthz")[0] == 200
        asked("/api/v1/pause", "POST")
        assert asked("/api/v1/latest")[0] == 204
        asked("/api/v1/resume", "POST")
        patiently(lambda: asked("/api/v1/cameras/yard/latest")[0] == 200)

    def test_a_pause_outlives_the_process(self, started, cameras, tmp_path):
        """However it ends: a privacy switch that a crash turns off is none."""
        port = free_port()
        config = f'[page]\naddress = "127.0.0.1:{port}"\n' + two(*(camera.address for camera in cameras))
        records = Records(tmp_path / "r.jsonl")

        def pauses():
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/cameras", timeout=LONG) as answer:
                return {camera["name"]: camera["paused_by"] for camera in json.loads(answer.read())}

        def post(path):
            urllib.request.urlopen(
                urllib.request.Request(f"http://127.0.0.1:{port}{path}", method="POST"), timeout=LONG
            ).close()

        process = started(config)
        patiently(lambda: all(records.of(name) for name in ("porch", "yard")))
        post("/api/v1/cameras/yard/pause")
        process.kill()
        process.wait()
        (tmp_path / "r.jsonl").unlink()
        process = started(config)
        patiently(lambda: len(records.of("porch")) > 10)
        assert records.of("yard") == []
        assert pauses() == {"porch": [], "yard": ["switch"]}
        assert "yard: stays paused" in (tmp_path / "said.txt").read_text()
        post("/api/v1/cameras/yard/resume")
        patiently(lambda: records.of("yard"))
        process.kill()
        process.wait()
        (tmp_path / "r.jsonl").unlink()
        process = started(config)
        patiently(lambda: records.of("yard"))
        assert pauses() == {"porch": [], "yard": []}
        ended(process, tmp_path)

    def test_metrics_have_a_label_for_the_camera(self, asked):
        _, content = asked("/metrics")
        lines = content.decode().splitlines()
        for camera in ("porch", "yard"):
            (value,) = [
                line.rpartition(" ")[2]
                for line in lines
                if line.startswith(f'emotion_edge_frames_answered_total{{camera="{camera}"}}')
            ]
            assert float(value) > 0
        assert any(line.startswith("emotion_edge_governor_level ") for line in lines), "of the board, once"


class TestSettings:
    """Mistakes in the settings of cameras, and which of them count."""

    @pytest.fixture
    def checked(self, tmp_path, capsys):
        def check(text):
            path = tmp_path / "home.toml"
            path.write_text(text)
            status = cli.main(["config", "check", str(path)])
            return status, [line.removeprefix(str(path)) for line in capsys.readouterr().err.splitlines()]

        return check

    def test_two_cameras_are_no_mistake(self, checked):
        assert checked(two("0", "rtsp://10.0.0.7/live", 'off = ["mon-fri 08:00-17:00"]')) == (0, [])

    @pytest.mark.parametrize(
        ("text", "problems"),
        [
            (
                two("0", "1").replace('"yard"', '"Porch"'),
                [":8: camera[2].name: Porch is another camera's: give each a name of its own"],
            ),
            (two("0", "0"), [":9: camera[2].source: is another camera's: leave one of the two cameras out"]),
            (
                'source = "0"\n' + two("1", "2"),
                [f": source and [[camera]] are both given: leave one out, and {CAMERA_ADDRESS} as well"],
            ),
            (
                '[outputs]\nvideo = "a.mp4"\n' + two("0", "1").removeprefix("[outputs]\n"),
                [":2: outputs.video is for a run of one camera: write it in [[camera]] as video"],
            ),
            (
                two("0", "1", "capture.loop = true"),
                [
                    ":10: camera[2].capture.loop is for videos, images and folders, and the source is something else: "
                    "leave it out"
                ],
            ),
            (
                two("0", "1", 'video = "r.jsonl"'),
                [": r.jsonl: is already the source or another output: name a different file for each output"],
            ),
            (
                two("0", "1", 'off = ["mon"]'),
                [":10: camera[2].off: mon are no hours: write them as mon-fri 08:00-17:00"],
            ),
            (two("0", "1").replace("yard", "a b"), [":8: camera[2].name: a b is not the name of a camera"]),
        ],
    )
    def test_mistakes_have_their_lines(self, checked, text, problems):
        status, found = checked(text)
        assert status == 2
        assert [line[: len(problem)] for line, problem in zip(found, problems, strict=True)] == problems

    def test_what_all_cameras_are_asked_for_counts_where_it_fits(self):
        run = Run(
            capture=Capture(rtsp_transport="udp", fps=5.0),
            camera=(Camera("a", "rtsp://10.0.0.7/x", capture=Capture(rtsp_transport="udp", fps=5.0)),),
        )
        assert list(camera_conflicts(run)) == []
        found = capture_of(run, run.camera[0])
        assert (found.rtsp_transport, found.fps) == ("udp", None)

    def test_tables_of_the_run_are_the_defaults_of_its_cameras(self, tmp_path):
        path = tmp_path / "home.toml"
        path.write_text(
            "[recognition]\nmax_faces = 3\ndetect_interval = 1\n[[camera]]\nname = 'a'\nsource = '0'\n"
            "recognition.max_faces = 5\n[[camera]]\nname = 'b'\nsource = '1'\n"
        )
        one, other = config.from_file(path).camera
        assert (one.recognition.max_faces, one.recognition.detect_interval) == (5, 1.0)
        assert other.recognition == Options(max_faces=3, detect_interval=1.0)

    def test_a_camera_has_secrets_of_its_own(self, monkeypatch):
        camera = Camera("front-door", "rtsp://10.0.0.7/x")
        monkeypatch.setenv("EMOTION_EDGE_CAMERA_USER", "all")
        monkeypatch.setenv("EMOTION_EDGE_CAMERA_PASSWORD", "one")
        monkeypatch.setenv("EMOTION_EDGE_CAMERA_USER_FRONT_DOOR", "door")
        monkeypatch.setenv("EMOTION_EDGE_CAMERA_PASSWORD_FRONT_DOOR", "two")
        monkeypatch.setenv("EMOTION_EDGE_CAMERA_ADDRESS_FRONT_DOOR", "rtsp://10.0.0.7/x?key=3")
        assert camera_credentials("front-door") == ("door", "two")
        assert camera_credentials("yard") == camera_credentials() == ("all", "one")
        assert address(camera) == "rtsp://10.0.0.7/x?key=3"
        assert address(Camera("yard", "0")) == "0"

    def test_files_that_cameras_write_are_those_of_the_run(self):
        run = Run(outputs=Outputs(jsonl=Path("r")), camera=(Camera("a", "0", video=Path("a.mp4")),))
        assert run.paths == [Path("r"), Path("a.mp4")]


def test_hours_pause_and_resume_and_leave_the_switch_alone():
    gates, now = {"a": Gate(), "b": Gate()}, [datetime.fromisoformat("2026-01-05T07:59")]
    hours = {"a": (Hours.parse("mon-fri 08:00-17:00"),), "b": ()}
    off = OffHours(gates, hours, Faults(Statistics()), lambda: now[0])
    gates["b"].set(SWITCH, True)
    assert [gate.paused for gate in gates.values()] == [False, True]
    now[0] = datetime.fromisoformat("2026-01-05T08:00")
    off.update()
    assert [gate.paused for gate in gates.values()] == [True, True]
    off.set_off({"a": (), "b": ()})
    off.update()
    assert [gate.paused for gate in gates.values()] == [False, True]
