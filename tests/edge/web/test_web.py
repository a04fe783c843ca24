"""The live page's server, asked over real connections on loopback."""

import base64
import http.client
import json
import re
import socket
import ssl
import struct
import threading
import time
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

pytest.importorskip("starlette", reason="the extra 'web' is not installed")
pytest.importorskip("uvicorn", reason="the extra 'web' is not installed")

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.base.listen import is_own, listen, own_names
from edge.base.run_statistics import Statistics
from edge.base.settings import Options
from edge.model.bundle import load_bundle
from edge.model.release import Release, Releases
from edge.outputs.palette import CLASS_COLOURS
from edge.outputs.prometheus import Metrics
from edge.pipeline.gate import Gate
from edge.web import app, connections, guard, live_camera, pictures, predict, rates, stats, token
from edge.web.live_page import LivePage, Shown
from edge.web.rates import Rate

from ..certificates import self_signed
from ..heif_files import heif
from ..patience import LONG, STOPPED_WITHIN, patiently
from ..stand_ins import ScriptedRecognizer, face, picture, result

TOKEN = "a-token-of-some-length"


@pytest.fixture
def serve(bundle, no_threads_left, monkeypatch, tmp_path):
    """`with serve(...) as page:` runs a page on a free port of loopback."""
    monkeypatch.delenv(token.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    @contextmanager
    def run(host="127.0.0.1", port=0, certificate=None, **options):
        metrics = Metrics(ScriptedRecognizer())
        with LivePage((host, port), Options(model=bundle), metrics, certificate, **options) as live, live.only:
            yield live

    return run


def port_of(live):
    return int(live.url.rstrip("/").rpartition(":")[2])


def connected(live):
    return http.client.HTTPConnection("127.0.0.1", port_of(live), timeout=LONG)


def ask(live, path, method="GET", body=None, **headers):
    """Status, headers and content; `_` in a header's name stands for `-`."""
    with closing(connected(live)) as connection:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


@contextmanager
def following(live, path):
    """An answer that does not end; read from it what is there."""
    with closing(connected(live)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        with closing(answer):
            yield answer


def next_event(answer):
    """The next event's kind and data."""
    kind = data = None
    while line := answer.readline().decode():
        name, _, value = line.strip().partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            data = json.loads(value)
        elif not line.strip() and kind:
            return kind, data
    return None, None


def events_of(answer, wanted):
    """The data of the next event of a kind."""
    while True:
        kind, data = next_event(answer)
        assert kind is not None, f"it ended without {wanted}"
        if kind == wanted:
            return data


def next_picture(answer):
    """Headers and JPEG of the next part; None at the end."""
    headers = {}
    while line := answer.readline().decode():
        name, colon, value = line.strip().partition(": ")
        if colon:
            headers[name] = value
        elif headers and not line.strip():
            return headers, answer.read(int(headers["Content-Length"]))
    return None


@contextmanager
def playing(live, results):
    """Results again and again, numbered on, until the block ends; yields how many there have been, as `[n]`."""
    stop, count = threading.Event(), [0]

    def play():
        while not stop.wait(0.005):
            live.only.write(results(count[0]))
            count[0] += 1

    thread = threading.Thread(target=play, name="player")
    thread.start()
    try:
        yield count
    finally:
        stop.set()
        thread.join()


def basic(credentials):
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def slow_to_fill(a_second, at_once):
    """A rate that a slow machine exceeds as surely as a fast one."""
    return Rate(a_second / 1e6, at_once)


def grey(seq):
    return result(seq, face())


def noise(seq):
    """A picture that makes a large JPEG."""
    return result(seq, image=np.random.default_rng(seq % 4).integers(0, 256, (540, 960, 3), np.uint8))


class TestPages:
    @pytest.mark.parametrize(
        ("path", "kind", "holds"),
        [
            ("/", "text/html", "<canvas"),
            ("/api", "text/html", "api.js"),
            ("/sign-in", "text/html", "<form"),
            ("/static/page.js", "text/javascript", "followEvents"),
            ("/static/page.css", "text/css", "prefers-color-scheme: dark"),
            ("/static/icon.svg", "image/svg+xml", "<svg"),
            ("/openapi.json", "application/json", "/stream.mjpg"),
        ],
    )
    def test_files_are_served(self, serve, path, kind, holds):
        with serve() as live:
            status, headers, content = ask(live, path)
        assert status == 200
        assert headers["Content-Type"].startswith(kind)
        assert holds in content.decode()

    def test_nothing_is_fetched_from_elsewhere_or_written_inline(self):
        for path in app.FILES.iterdir():
            text = path.read_text()
            assert not re.findall(r"(?:src|href|url)\s*[=(]\s*[\"']?(?:https?:)?//", text), path
            assert path.suffix != ".html" or not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src)", text), path

    def test_colours_are_those_of_annotated_videos(self, serve):
        with serve() as live:
            _, _, content = ask(live, "/static/palette.css")
        found = {
            name: tuple(bytes.fromhex(value)[::-1])
            for name, value in re.findall(r"--class-(\w+): #(\w+);", content.decode())
        }
        assert found.pop("unsure")
        assert found == dict(zip(EMOTIONS, CLASS_COLOURS, strict=False))

    def test_the_description_has_every_address_and_no_other(self, serve):
        with serve() as live:
            described = json.loads(ask(live, "/openapi.json")[2])
        paths = {path: set(methods) for path, methods in described["paths"].items()}
        own = {"/", "/api", "/openapi.json", "/sign-in", "/static", "/static/palette.css"}
        routes = [route for route in app.create_app(live, None, "c").routes if route.path not in own]
        served = {route.path: {method.lower() for method in route.methods - {"HEAD"}} for route in routes}
        assert paths == served

    def test_the_description_describes_what_is_answered(self, serve):
        schemas = json.loads((app.FILES / "openapi.json").read_text())["components"]["schemas"]
        with serve() as live:
            live.only.write(grey(0))
            record = json.loads(ask(live, "/api/v1/latest")[2])
            now = json.loads(ask(live, "/api/v1/stats")[2])
        for answered, name in ((record, "Record"), (record["faces"][0], "Face"), (now, "Stats")):
            assert list(schemas[name]["properties"]) == schemas[name]["required"]
            assert set(answered) == set(schemas[name]["required"])


class TestRecords:
    def test_the_latest_is_the_record(self, serve):
        with serve() as live:
            assert ask(live, "/api/v1/latest")[0] == 204
            for seq in range(3):
                live.only.write(grey(seq))
            status, headers, content = ask(live, "/api/v1/latest")
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert json.loads(content) == grey(2).record()

    def test_events_are_records_in_order(self, serve):
        with serve() as live, following(live, "/events") as answer:
            assert answer.headers["Content-Type"].startswith("text/event-stream")
            patiently(lambda: live.only.events.wanted)
            got = []
            for seq in range(5):
                live.only.write(grey(seq))
                got.append(events_of(answer, "record"))
        assert got == [grey(seq).record() for seq in range(5)]

    def test_events_of_faces_are_all_sent(self, serve):
        changes = [{"event": "face_appeared", "t": 1000.0 + i, "source": "test", "id": i} for i in range(5)]
        with serve() as live, following(live, "/events") as answer:
            patiently(lambda: live.only.events.wanted)
            live.only.write(replace(grey(0), events=tuple(changes[:2])))
            live.only.end(changes[2:])
            assert [events_of(answer, "change") for _ in changes] == changes
            live.only.gate.set("switch", True)
            live.only.end(changes)
            live.only.gate.set("switch", False)
            live.only.end([{"event": "face_left"}])
            assert events_of(answer, "change") == {"event": "face_left"}, "nothing of the pause"

    def test_stats_tell_the_thresholds_that_hold(self, serve, bundle):
        options = [Options(model=bundle)]
        shown = {"porch": Shown(Statistics(), Gate(), lambda: options[-1])}
        with serve(cameras=shown) as live:
            before = json.loads(ask(live, "/api/v1/stats")[2])["thresholds"]
            options.append(replace(options[0], detector_threshold=0.75))
            after = json.loads(ask(live, "/api/v1/stats")[2])["thresholds"]
        assert (before["detector_threshold"], after["detector_threshold"]) == (0.6, 0.75)
        assert (after["margin"], after["min_face_size"]) == (0.1, 24.0)

    def test_one_stream_has_all_cameras(self, serve, bundle, monkeypatch):
        monkeypatch.setattr(live_camera, "MAX_PICTURE_CLIENTS", 1)
        options = Options(model=bundle)
        shown = {name: Shown(Statistics(), Gate(), lambda: options) for name in ("hall", "porch")}
        with serve(cameras=shown) as live, ExitStack() as stack:
            records = stack.enter_context(following(live, "/api/v1/cameras/events"))
            patiently(lambda: all(camera.events.wanted for camera in live.cameras.values()))
            parts = stack.enter_context(following(live, "/api/v1/cameras/stream.mjpg"))
            patiently(lambda: all(camera.pictures.wanted for camera in live.cameras.values()))
            assert ask(live, "/stream.mjpg?camera=porch")[0] == 503, "it takes a place of each camera"
            for seq, camera in enumerate(live.cameras.values()):
                camera.write(grey(seq))
                assert events_of(records, "record")["seq"] == seq
                headers = next_picture(parts)[0]
                assert (headers["X-Camera"], headers["X-Seq"]) == (camera.camera, str(seq))

    def test_stats_come_by_themselves_and_name_the_model(self, serve, bundle):
        manifest = json.loads((bundle / "manifest.json").read_text())
        with serve() as live, following(live, "/events") as answer:
            now = events_of(answer, "stats")
            assert now["state"] == "starting"
            live.only.write(grey(0))
            asked = json.loads(ask(live, "/api/v1/stats")[2])
        assert asked["state"] == "running"
        assert asked["source"] == "test"
        assert asked["watching"] == {"pictures": 0, "events": 1}
        assert asked["model"]["name"] == "tiny"
        assert asked["model"]["sha256"] == manifest["variants"]["int8"]["sha256"]

    def test_the_end_is_told(self, serve):
        with ExitStack() as stack:
            live = stack.enter_context(serve())
            with following(live, "/events") as answer:
                patiently(lambda: live.only.events.wanted)
                stack.close()
                assert events_of(answer, "ended") == {"camera": ""}
                assert next_event(answer) == (None, None)

    def test_who_comes_after_the_end_of_a_page_that_stays_sees_the_last_frame(self, bundle, no_threads_left):
        address, metrics = ("127.0.0.1", 0), Metrics(ScriptedRecognizer())
        with closing(LivePage(address, Options(model=bundle), metrics, stays=True)) as live:
            live.__enter__()
            with live.only:
                for seq in range(3):
                    live.only.write(grey(seq))
            with following(live, "/events") as answer:
                assert events_of(answer, "record")["seq"] == 2
                assert events_of(answer, "ended") == {"camera": ""}
                assert events_of(answer, "stats")["state"] == "ended"
            with following(live, "/stream.mjpg") as answer:
                assert next_picture(answer)[0]["X-Seq"] == "2"
            assert ask(live, "/healthz")[0] == 200
        live.close()

    def test_a_page_that_never_began_gives_its_port_back(self, bundle):
        live = LivePage(("127.0.0.1", 0), Options(model=bundle), Metrics(ScriptedRecognizer()))
        live.close()
        with closing(socket.create_server(("127.0.0.1", port_of(live)))):
            live.close()

    def test_a_run_without_frames_is_stalled_and_not_healthy(self, serve, monkeypatch):
        monkeypatch.setattr(stats, "STALLED_SECONDS", 0.05)
        with serve() as live:
            live.only.write(grey(0))
            _, _, content = patiently(lambda: (got := ask(live, "/healthz"))[0] == 503 and got)
            assert json.loads(content) == {"status": "stalled"}
            monkeypatch.setattr(stats, "STALLED_SECONDS", LONG)
            assert ask(live, "/healthz")[0] == 200

    def test_after_a_reload_the_new_model_is_named(self, make_bundle, serve, tmp_path, no_threads_left):
        folder = make_bundle(tmp_path / "own")
        with LivePage(("127.0.0.1", 0), Options(model=folder), Metrics(ScriptedRecognizer())) as live:
            make_bundle(folder, name="newer")
            assert live.only.now()["model"]["name"] == "tiny"
            live.reload()
            assert live.only.now()["model"]["name"] == "newer"

    def test_releases_of_the_model_are_told(self, make_bundle, tmp_path, no_threads_left):
        recognizer = ScriptedRecognizer()
        with LivePage(("127.0.0.1", 0), Options(model=make_bundle(tmp_path)), Metrics(recognizer)) as live:
            assert live.only.now()["model"] | {"release": None, "offered": None} == live.only.now()["model"]
            recognizer.releases = Releases(Release(8, "tiny", "stable", "1" * 64))
            assert live.only.now()["model"]["release"] == 8

    @pytest.mark.parametrize("labels", ["ferplus", "fer2013"])
    def test_a_models_accuracy_is_by_the_labels_that_it_answers_with(self, make_bundle, tmp_path, labels):
        variants = json.loads((make_bundle(tmp_path) / "manifest.json").read_text())["variants"]
        accuracies = {"ferplus": 0.84, "fer2013": 0.59}
        variants["int8"]["scores"] = {
            kind: {"images": 9, "accuracy": accuracy, "macro_f1": 0.5} for kind, accuracy in accuracies.items()
        }
        make_bundle(tmp_path, variants=variants, labels=labels)
        facts = stats.model_facts(load_bundle(tmp_path))
        assert (facts["accuracy"], facts["labels"]) == (accuracies[labels], labels)

    def test_a_model_that_was_not_measured_has_no_accuracy(self, bundle):
        facts = stats.model_facts(load_bundle(bundle))
        assert (facts["name"], facts["accuracy"], facts["labels"]) == ("tiny", None, None)


class TestPictures:
    def test_a_part_tells_its_frame_and_is_that_frame(self, serve):
        with serve() as live, following(live, "/stream.mjpg") as answer:
            assert answer.headers["Content-Type"] == pictures.MEDIA_TYPE
            patiently(lambda: live.only.pictures.wanted)
            live.only.write(result(7, image=picture((10, 200, 90), 1920, 1080)))
            headers, jpeg = next_picture(answer)
        assert (headers["X-Seq"], headers["X-Size"]) == ("7", "1920x1080")
        image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (540, 960, 3)
        assert np.abs(image.mean(axis=(0, 1)) - (10, 200, 90)).max() < 4

    def test_nothing_is_encoded_while_nobody_looks_and_once_for_all_who_do(self, serve, monkeypatch):
        monkeypatch.setattr(pictures, "MAX_PICTURES_A_SECOND", 1e6)
        with serve() as live:
            with playing(live, grey) as count:
                patiently(lambda: count[0] > 20)
                assert live.only.encoder.count == 0
            with following(live, "/stream.mjpg") as one, following(live, "/stream.mjpg") as other:
                patiently(lambda: len(live.only.pictures) == 2)
                for seq in range(5):
                    live.only.write(grey(seq))
                    assert next_picture(one)[0]["X-Seq"] == next_picture(other)[0]["X-Seq"] == str(seq)
                assert live.only.encoder.count == 5
            with playing(live, grey) as count:
                patiently(lambda: not live.only.pictures.wanted)
                before, at = live.only.encoder.count, count[0]
                patiently(lambda: count[0] > at + 20)
                assert live.only.encoder.count <= before + 1, "one may have been on its way"

    def test_no_more_are_encoded_than_the_rate_allows(self):
        encoder = pictures.Encoder()
        began = time.monotonic()
        while time.monotonic() < began + 0.4:
            encoder.part(grey(0).frame)
        assert 2 <= encoder.count <= 1 + pictures.MAX_PICTURES_A_SECOND * (time.monotonic() - began) + 1

    def test_a_client_that_stalls_costs_the_others_nothing_and_is_let_go(self, serve, monkeypatch):
        monkeypatch.setattr(pictures, "MAX_PICTURES_A_SECOND", 1e6)
        monkeypatch.setattr(connections, "CLIENT_TIMEOUT", 1.0)
        with serve() as live, closing(socket.socket()) as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.connect(("127.0.0.1", port_of(live)))
            stalled.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            patiently(lambda: live.only.pictures.wanted)
            with following(live, "/stream.mjpg") as answer, playing(live, noise):
                seqs = []
                while len(live.only.pictures) > 1 or len(seqs) < 20:
                    seqs.append(int(next_picture(answer)[0]["X-Seq"]))
                assert seqs == sorted(set(seqs)), "the newest, each once"
            assert live.only.now()["pictures_encoded"] >= 20

    @pytest.mark.parametrize(
        ("path", "limit"),
        [("/stream.mjpg", "MAX_PICTURE_CLIENTS"), ("/events", "MAX_EVENT_CLIENTS")],
        ids=["pictures", "events"],
    )
    def test_clients_beyond_the_limit_are_refused_until_one_leaves(self, serve, monkeypatch, path, limit):
        monkeypatch.setattr(live_camera, limit, 2)
        with serve() as live, following(live, path):
            topic = live.only.pictures if limit == "MAX_PICTURE_CLIENTS" else live.only.events
            with following(live, path):
                patiently(lambda: len(topic) == 2)
                status, headers, _ = ask(live, path)
                assert (status, headers["Retry-After"]) == (503, "5")
            with playing(live, grey):
                patiently(lambda: len(topic) == 1)
            with following(live, path) as third:
                assert third.status == 200

    def test_a_head_of_a_stream_ends(self, serve):
        with serve() as live:
            status, _, content = ask(live, "/stream.mjpg", "HEAD")
            assert (status, content) == (200, b"")
            assert not live.only.pictures.wanted


class TestStopping:
    def test_it_stops_with_clients_of_all_kinds_connected(self, bundle, no_threads_left):
        live = LivePage(("127.0.0.1", 0), Options(model=bundle), Metrics(ScriptedRecognizer())).__enter__()
        with (
            following(live, "/events") as events,
            following(live, "/stream.mjpg") as stream,
            closing(connected(live)) as idle,
            closing(socket.create_connection(("127.0.0.1", port_of(live)))) as stalled,
        ):
            idle.connect()
            stalled.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            patiently(lambda: len(live.only.pictures) == 2 and live.only.events.wanted)
            with playing(live, noise) as count:
                patiently(lambda: count[0] > 20 and next_picture(stream))
            stopping = threading.Thread(target=live.__exit__, args=(None, None, None))
            stopping.start()
            stopping.join(STOPPED_WITHIN)
            assert not stopping.is_alive()
            while next_event(events) != (None, None):
                pass

    def test_a_port_in_use_is_known_before_anything_runs(self, bundle):
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(UserError, match=f"127.0.0.1:{port}: cannot be listened on .*in use"):
                LivePage(("127.0.0.1", port), Options(model=bundle), Metrics(ScriptedRecognizer()))

    def test_no_such_host(self):
        with pytest.raises(UserError, match=r"nowhere\.invalid:80: cannot be listened on"):
            listen("nowhere.invalid", 80, "--web")

    def test_a_port_can_be_taken_again_at_once(self, serve):
        with serve() as live, following(live, "/events"):
            port = port_of(live)
        with serve(port=port) as live:
            assert ask(live, "/healthz")[0] == 200

    def test_who_asks_nothing_is_let_go(self, serve, monkeypatch):
        monkeypatch.setattr(connections, "CLIENT_TIMEOUT", 0.1)
        with serve() as live, closing(socket.create_connection(("127.0.0.1", port_of(live)))) as silent:
            silent.sendall(b"GET / HT")
            silent.settimeout(LONG)
            with suppress(ConnectionResetError):
                assert silent.recv(1) == b""

    def test_who_goes_away_or_is_still_sending_at_the_end_leaves_no_traceback(self, serve, caplog):
        with serve() as live:
            for leaves in (True, False):
                sending = socket.create_connection(("127.0.0.1", port_of(live)))
                sending.sendall(b"POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx")
                patiently(lambda: live.predictor.waiting)
                if leaves:
                    sending.close()
                    patiently(lambda: not live.predictor.waiting)
        sending.close()
        assert caplog.records == []

    def test_what_is_no_request_is_not_logged(self, serve, caplog):
        with serve() as live, closing(socket.create_connection(("127.0.0.1", port_of(live)), LONG)) as strange:
            strange.sendall(b"\x16\x03\x01 hello\r\n\r\n")
            assert strange.recv(100).startswith(b"HTTP/1.1 400")
        assert caplog.records == []


class TestGuard:
    @pytest.mark.parametrize("path", ["/", "/static/page.js", "/api/v1/stats", "/nowhere", "/sign-in"])
    def test_every_answer_tells_browsers_what_not_to_do(self, serve, path):
        with serve() as live:
            _, headers, _ = ask(live, path)
        policy = headers["Content-Security-Policy"]
        assert all(rule in policy for rule in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"))
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == ("no-cache" if "static" in path else "no-store")
        assert "Server" not in headers
        assert not [name for name in headers if name.startswith("Access-Control")]

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            pytest.param({"Host": "localhost:80"}, 200, id="localhost"),
            pytest.param({"Host": "127.0.0.1"}, 200, id="a number"),
            pytest.param({"Host": "[::1]:8080"}, 200, id="a number of IPv6"),
            pytest.param({"Host": "rebound.example"}, 421, id="another name"),
            pytest.param({"Host": "localhost.rebound.example"}, 421, id="a name that begins well"),
            pytest.param({"Host": "[::1"}, 421, id="no name"),
            pytest.param({"Sec_Fetch_Site": "same-origin"}, 200, id="the page itself"),
            pytest.param({"Sec_Fetch_Site": "cross-site"}, 403, id="another page"),
            pytest.param({"Sec_Fetch_Site": "same-site"}, 403, id="another port of this machine"),
            pytest.param({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}, 200, id="a link elsewhere"),
        ],
    )
    def test_who_may_read(self, serve, headers, status):
        with serve() as live:
            assert ask(live, "/api/v1/stats", **headers)[0] == status

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            pytest.param({}, 415, id="a program"),
            pytest.param({"Origin": "http://127.0.0.1:PORT"}, 415, id="the page itself"),
            pytest.param({"Origin": "http://evil.example"}, 403, id="another page"),
            pytest.param({"Origin": "https://127.0.0.1:PORT"}, 403, id="another scheme"),
            pytest.param({"Origin": "null"}, 403, id="a hidden page"),
            pytest.param({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}, 403, id="a form elsewhere"),
        ],
    )
    def test_who_may_send(self, serve, headers, status):
        with serve() as live:
            headers = {name: value.replace("PORT", str(port_of(live))) for name, value in headers.items()}
            assert ask(live, "/api/v1/predict", "POST", b"no image", **headers)[0] == status

    @pytest.mark.parametrize(
        ("host", "asked", "own"),
        [
            ("0.0.0.0", socket.gethostname(), True),
            ("0.0.0.0", f"{socket.gethostname()}.:8080", True),
            ("0.0.0.0", "192.168.1.7:8080", True),
            ("cam.example", "CAM.example:8080", True),
            ("0.0.0.0", "rebound.example", False),
            ("0.0.0.0", "", False),
        ],
    )
    def test_names_of_a_server_for_others(self, host, asked, own):
        assert is_own(asked, own_names(host, local=False)) == own

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            pytest.param({"Host": "cam.example.org"}, 204, id="its name, kept by the proxy"),
            pytest.param({"Host": "CAM.example.org:443"}, 204, id="with a port, in capitals"),
            pytest.param({}, 204, id="the proxy's own name for this machine"),
            pytest.param({"Host": "other.example.org"}, 421, id="another name"),
        ],
    )
    def test_a_proxy_asks_by_the_name_that_it_was_given(self, serve, monkeypatch, headers, status):
        monkeypatch.setenv(token.VARIABLE, TOKEN)
        with serve(proxied_as=["cam.example.org"]) as live:
            assert ask(live, "/api/v1/latest", Authorization=f"Bearer {TOKEN}", **headers)[0] == status

    @pytest.mark.parametrize("host", ["cam.example.org", "127.0.0.1:PORT"], ids=["kept", "rewritten"])
    @pytest.mark.parametrize(
        ("origin", "status"),
        [
            pytest.param("https://cam.example.org", 303, id="the page itself, its TLS ended by the proxy"),
            pytest.param("http://cam.example.org", 303, id="without TLS"),
            pytest.param("https://evil.example", 403, id="another page"),
            pytest.param("https://cam.example.org.evil.example", 403, id="a name that begins alike"),
            pytest.param("null", 403, id="a hidden page"),
        ],
    )
    def test_through_a_proxy_the_page_itself_may_send(self, serve, monkeypatch, host, origin, status):
        monkeypatch.setenv(token.VARIABLE, TOKEN)
        with serve(proxied_as=["cam.example.org"]) as live:
            host = host.replace("PORT", str(port_of(live)))
            answer = ask(live, "/sign-in", "POST", f"token={TOKEN}", Host=host, Origin=origin)
            assert answer[0] == status

    def test_behind_a_proxy_a_token_is_needed_on_this_machine_too(self, serve):
        with serve(proxied_as=["cam.example.org"]) as live:
            assert live.new_token
            assert ask(live, "/api/v1/stats")[0] == 401

    def test_a_browser_is_not_made_to_ask_for_a_password(self, serve, monkeypatch):
        monkeypatch.setenv(token.VARIABLE, TOKEN)
        with serve() as live:
            status, headers, _ = ask(live, "/events", Sec_Fetch_Site="same-origin", Sec_Fetch_Mode="cors")
        assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")

    def test_too_many_requests_are_refused(self, serve, monkeypatch):
        monkeypatch.setattr(guard, "Rate", slow_to_fill)
        with serve() as live, closing(connected(live)) as connection:
            statuses = []
            for _ in range(103):
                connection.request("GET", "/api/v1/latest")
                answer = connection.getresponse()
                answer.read()
                statuses.append(answer.status)
        assert statuses == [204] * 100 + [429] * 3

    def test_rates_are_a_clients_own_and_few_are_remembered(self):
        rate = Rate(a_second=0.001, at_once=2)
        assert [rate.allows("a") for _ in range(3)] == [True, True, False]
        assert rate.allows("b")
        for i in range(rates.MAX_REMEMBERED_CLIENTS):
            rate.allows(str(i))
        assert rate.allows("a")


class TestToken:
    @pytest.fixture
    def guarded(self, serve, monkeypatch):
        monkeypatch.setenv(token.VARIABLE, TOKEN)
        with serve() as live:
            yield live

    def test_without_it_nothing_that_was_seen_is_shown(self, guarded):
        for path in (
            "/",
            "/api",
            "/openapi.json",
            "/stream.mjpg",
            "/events",
            "/api/v1/latest",
            "/api/v1/stats",
            "/metrics",
        ):
            status, headers, _ = ask(guarded, path)
            assert (status, headers["WWW-Authenticate"]) == (401, 'Basic realm="emotion-edge"'), path
        assert ask(guarded, "/api/v1/predict", "POST", b"")[0] == 401
        assert ask(guarded, "/", Accept="text/html")[0] == 303
        for path in ("/healthz", "/sign-in", "/static/page.css"):
            assert ask(guarded, path)[0] == 200, path

    @pytest.mark.parametrize(
        ("given", "status"),
        [
            (f"Bearer {TOKEN}", 200),
            (f"bearer {TOKEN}", 200),
            (f"Basic {TOKEN}", 401),
            (f"Bearer {TOKEN}x", 401),
            (f"Bearer {TOKEN[:-1]}", 401),
            ("Bearer", 401),
            (basic(f"anybody:{TOKEN}"), 200),
            (basic(f":{TOKEN}"), 200),
            (basic(f"anybody:{TOKEN}x"), 401),
            (basic(TOKEN), 401),
            ("Basic not base64", 401),
            ("", 401),
        ],
    )
    def test_a_program_sends_it(self, guarded, given, status):
        assert ask(guarded, "/api/v1/stats", Authorization=given)[0] == status
        assert ask(guarded, f"/api/v1/stats?token={TOKEN}")[0] == 401, "not in addresses, which are logged"

    def test_a_browser_signs_in(self, guarded):
        status, headers, _ = ask(guarded, "/sign-in", "POST", f"token={TOKEN}")
        assert (status, headers["Location"]) == (303, "/")
        cookie, *attributes = headers["Set-Cookie"].split("; ")
        assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(attributes)
        assert ask(guarded, "/api/v1/stats", Cookie=cookie)[0] == 200

    def test_guessing_is_slow(self, guarded):
        answers = [ask(guarded, "/sign-in", "POST", f"token=guess-{i}") for i in range(8)]
        assert [status for status, _, _ in answers[:5]] == [303] * 5
        assert {headers["Location"] for _, headers, _ in answers[:5]} == {"/sign-in#wrong"}
        assert not [headers for _, headers, _ in answers if "Set-Cookie" in headers]
        assert answers[-1][0] == 429

    def test_a_form_has_its_limit(self, guarded):
        assert ask(guarded, "/sign-in", "POST", b"token=" + b"x" * 5000)[0] == 413

    def test_for_others_one_is_made_told_once_and_kept_from_others(self, serve, tmp_path):
        with serve("0.0.0.0") as live:
            made = live.new_token
            assert len(made) >= 32
            assert ask(live, "/api/v1/stats")[0] == 401
            assert ask(live, "/api/v1/stats", Authorization=f"Bearer {made}")[0] == 200
        path = tmp_path / "state" / "emotion-edge" / "web-token"
        assert path.stat().st_mode & 0o777 == 0o600
        with serve("0.0.0.0") as live:
            assert live.new_token is None
            assert ask(live, "/api/v1/stats", Authorization=f"Bearer {made}")[0] == 200

    def test_one_of_the_environment_is_taken_instead(self, serve, monkeypatch, tmp_path):
        monkeypatch.setenv(token.VARIABLE, TOKEN)
        with serve("0.0.0.0") as live:
            assert live.new_token is None
            assert ask(live, "/api/v1/stats", Authorization=f"Bearer {TOKEN}")[0] == 200
        assert not (tmp_path / "state").exists()

    @pytest.mark.parametrize("content", ["", "short\n"])
    def test_a_file_without_a_token_is_refused(self, tmp_path, content):
        environ = {"XDG_STATE_HOME": str(tmp_path)}
        token.kept_token(environ)
        (tmp_path / "emotion-edge" / "web-token").write_text(content)
        with pytest.raises(UserError, match="holds no token"):
            token.kept_token(environ)

    def test_a_file_that_others_can_read_is_refused(self, tmp_path):
        environ = {"XDG_STATE_HOME": str(tmp_path)}
        token.kept_token(environ)
        (tmp_path / "emotion-edge" / "web-token").chmod(0o644)
        with pytest.raises(UserError, match="others can read the token"):
            token.kept_token(environ)

    def test_a_user_without_a_home_folder(self, monkeypatch):
        def home():
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.setattr("pathlib.Path.home", home)
        with pytest.raises(UserError, match="no home folder to store anything in"):
            token.kept_token({})

    @pytest.mark.parametrize(
        ("given", "problem"),
        [("12345", "has 5 characters"), ("€" * 16, "headers do not allow"), ("a-token-that-is\nlong", "headers do")],
    )
    def test_one_that_is_short_or_cannot_be_sent_is_refused(self, given, problem):
        with pytest.raises(UserError, match=problem):
            token.own_token({token.VARIABLE: given})


def encoded(image, suffix=".png"):
    return cv2.imencode(suffix, image)[1].tobytes()


def claiming(width, height):
    """A JPEG of 64 by 48 pixels that says it were larger, behind bytes that a search for its size may stumble over."""
    content = encoded(picture(), ".jpg")
    frame = content.index(b"\xff\xc0")
    content = content[: frame + 5] + struct.pack(">HH", height, width) + content[frame + 9 :]
    return content[:2] + b"\xff\x01" + b"\xff\xff\xff" + content[2:]


def turned(image):
    """A JPEG that a phone took upright and stored lying."""
    content = encoded(np.ascontiguousarray(np.rot90(image)), ".jpg")
    exif = b"Exif\0\0" + struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, 6, 0, 0)
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + content[2:]


class TestPredict:
    @pytest.fixture(autouse=True)
    def patient(self, monkeypatch):
        monkeypatch.setattr(predict, "DECODING_TIMEOUT", LONG)

    @pytest.mark.parametrize(
        "sent",
        [
            pytest.param(lambda image: encoded(image, ".png"), id="PNG"),
            pytest.param(lambda image: encoded(image, ".jpg"), id="JPEG"),
            pytest.param(lambda image: encoded(image, ".webp"), id="WebP"),
            pytest.param(lambda image: heif([image], (512, 512)), id="HEIC"),
            pytest.param(turned, id="turned by its EXIF data"),
        ],
    )
    def test_a_pictures_record(self, serve, yunet, portrait, sent):
        with serve() as live:
            for _ in range(2):
                status, _, content = ask(live, "/api/v1/predict", "POST", sent(portrait))
                assert status == 200
                record = json.loads(content)
                assert (record["source"], [found["id"] for found in record["faces"]]) == ("upload", [1]), "no past"
            assert live.only.latest is None, "the camera's records stay alone"

    @pytest.mark.parametrize(
        ("content", "status"),
        [
            pytest.param(b"", 415, id="nothing"),
            pytest.param(b"no image at all", 415, id="text"),
            pytest.param(b"GIF89a" + bytes(100), 415, id="another format"),
            pytest.param(b"\x89PNG\r\n\x1a\n", 415, id="PNG without a header"),
            pytest.param(encoded(picture())[:60], 415, id="PNG without pixels"),
            pytest.param(claiming(32_000, 32_000), 413, id="a JPEG that claims gigabytes"),
            pytest.param(encoded(np.zeros((4001, 4000), np.uint8)), 413, id="a PNG of too many pixels"),
            pytest.param(b"\xff\xd8\xff", 415, id="JPEG that ends at once"),
            pytest.param(encoded(picture(), ".jpg")[:180], 415, id="JPEG cut off"),
            pytest.param(bytes(predict.MOST_BYTES + 1), 413, id="too many bytes"),
        ],
    )
    def test_what_is_no_picture_is_refused(self, serve, yunet, content, status):
        with serve() as live:
            assert ask(live, "/api/v1/predict", "POST", content)[0] == status
            assert ask(live, "/healthz")[0] == 200

    def test_what_takes_too_long_to_decode_is_refused(self, serve, monkeypatch):
        monkeypatch.setattr(predict, "DECODING_TIMEOUT", 0.01)
        with serve() as live:
            assert ask(live, "/api/v1/predict", "POST", encoded(picture()))[0] == 413

    def test_too_many_at_a_time_are_refused(self, serve, monkeypatch):
        go_on = threading.Event()
        slow = SimpleNamespace(recognize=lambda frame: go_on.wait(LONG) and result(0))
        monkeypatch.setattr(predict.Recognizer, "from_options", lambda options: slow)
        image = encoded(picture())
        statuses = []
        with serve() as live:
            asking = [
                threading.Thread(target=lambda: statuses.append(ask(live, "/api/v1/predict", "POST", image)[0]))
                for _ in range(predict.MOST_WAITING_PICTURES + 1)
            ]
            for thread in asking:
                thread.start()
            patiently(lambda: statuses)
            assert statuses == [503]
            go_on.set()
            for thread in asking:
                thread.join(LONG)
        assert statuses == [503] + [200] * predict.MOST_WAITING_PICTURES

    def test_many_from_one_address_are_refused(self, serve, monkeypatch):
        monkeypatch.setattr(app, "Rate", slow_to_fill)
        with serve() as live:
            statuses = [ask(live, "/api/v1/predict", "POST", b"x")[0] for _ in range(12)]
        assert statuses == [415] * 10 + [429] * 2

    def test_the_wrong_method_is_refused(self, serve):
        with serve() as live:
            assert ask(live, "/api/v1/predict")[0] == 405
            assert ask(live, "/events", "POST", b"")[0] == 405


class TestTls:
    @pytest.fixture
    def certificate(self, tmp_path):
        return self_signed(tmp_path)

    def test_the_page_is_served_by_https_and_its_cookie_stays_there(self, serve, certificate, monkeypatch):
        monkeypatch.setenv(token.VARIABLE, TOKEN)
        trusting = ssl.create_default_context(cafile=str(certificate[0]))
        with serve(certificate=certificate) as live:
            assert live.url.startswith("https://127.0.0.1:")
            with closing(
                http.client.HTTPSConnection("localhost", port_of(live), timeout=LONG, context=trusting)
            ) as connection:
                connection.request("POST", "/sign-in", f"token={TOKEN}")
                answer = connection.getresponse()
                assert answer.status == 303
                assert "Secure" in answer.headers["Set-Cookie"].split("; ")

    @pytest.mark.parametrize("content", [None, "no certificate"])
    def test_a_wrong_certificate_is_known_before_anything_runs(self, bundle, tmp_path, content):
        files = tmp_path / "cert.pem", tmp_path / "key.pem"
        if content:
            for path in files:
                path.write_text(content)
        with pytest.raises(UserError, match=r"cert\.pem and .*key\.pem: no certificate"):
            LivePage(("127.0.0.1", 0), Options(model=bundle), Metrics(ScriptedRecognizer()), files)

    def test_no_token_is_made_that_a_wrong_certificate_keeps_from_being_told(self, bundle, tmp_path, monkeypatch):
        monkeypatch.delenv(token.VARIABLE, raising=False)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        with pytest.raises(UserError, match="no certificate"):
            LivePage(
                ("0.0.0.0", 0), Options(model=bundle), Metrics(ScriptedRecognizer()), (tmp_path / "c", tmp_path / "k")
            )
        assert not (tmp_path / "state").exists()


def test_nothing_is_written_to_disk(serve, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with serve() as live, following(live, "/stream.mjpg") as answer:
        patiently(lambda: live.only.pictures.wanted)
        live.only.write(grey(0))
        assert next_picture(answer)
        ask(live, "/api/v1/predict", "POST", b"x")
    assert list(Path(tmp_path).rglob("*")) == []
