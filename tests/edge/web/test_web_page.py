"""The live page in a browser: Chromium, driven through Playwright."""

import re
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial

import cv2
import pytest

pytest.importorskip("starlette", reason="the extra 'web' is not installed")
pytest.importorskip("uvicorn", reason="the extra 'web' is not installed")

from edge.base.classes import EMOTIONS
from edge.base.run_statistics import Statistics
from edge.base.settings import Options, Rule, Snapshot
from edge.outputs.prometheus import Metrics
from edge.outputs.rules.album import Album
from edge.outputs.rules.conditions import Trigger
from edge.outputs.rules.snapshot import TakeSnapshot
from edge.outputs.store.database import open_database
from edge.pipeline.gate import Gate
from edge.web import token
from edge.web.live_page import LivePage, Shown

from ..patience import patiently
from ..stand_ins import ScriptedRecognizer, face, frame, picture, result, unread

browsers = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
PHONE_ON_ITS_SIDE = {"width": 844, "height": 390}
LONG = 15_000
"""Milliseconds."""

TOKEN = "a-token-of-some-length"
HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")


THREE = ("hall", "porch", "yard")

BOTH_SIZES = pytest.mark.parametrize("tab", [PHONE, DESKTOP], ids=["phone", "desktop"], indirect=True)


@pytest.fixture
def tab(request, chromium):
    """A page, on a desktop unless a test asks for both sizes; its complaints are kept as `tab.complaints`."""
    with chromium.new_context(viewport=getattr(request, "param", DESKTOP)) as context:
        context.set_default_timeout(LONG)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        yield page


class Run:
    """A page with a clip that plays on each camera: faces `numbers` that show `label`."""

    def __init__(self, bundle, port=0, cameras=("",), history=None, album=None):
        self.label, self.numbers, self.written = HAPPY, [1], 0
        self.reason = None  # why the faces are not read
        self.start, self.step = 1000.0, 1.0  # time of the first frame, and seconds from frame to frame
        options = Options(model=bundle)
        shown = {name: Shown(Statistics(), Gate(), lambda: options) for name in cameras}
        for statistics, gate, _ in shown.values():
            gate.follow(partial(statistics.set, "paused"))
        metrics = Metrics(ScriptedRecognizer())
        self._live = LivePage(("127.0.0.1", port), options, metrics, cameras=shown, history=history, album=album)
        self.cameras = self._live.cameras
        self.events = ()  # of the next frame
        self.ended = set()  # names of cameras that have ended
        self.left = set()  # … and whose output has been left
        self.silent = set()  # names of cameras that give no frames
        self.url = self._live.url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._play, name="player")

    def __enter__(self):
        self._live.__enter__()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        for name in self.cameras.keys() - self.left:
            self.cameras[name].__exit__(None, None, None)

    def pause(self):
        self._stop.set()

    def cut(self):
        """End all connections, as if a cable were pulled."""
        server = self._live._server  # noqa: SLF001 - nothing else is to cut them
        state = server._uvicorn.server_state  # noqa: SLF001
        server.call(lambda: [one.transport.abort() for one in [*state.connections]])

    def _play(self):
        seq = 0
        while not self._stop.wait(0.04):
            for name, camera in self.cameras.items():
                if name in self.left and camera.stats.state != "ended":
                    camera.__exit__(None, None, None)
                if name in self.ended:
                    camera.stats.end()
                if name in self.ended | self.left | self.silent:
                    continue
                self._write(seq, name, camera)
            seq += 1
            self.written = seq

    def _face(self, number, box):
        if self.reason:
            return unread(self.reason, box, number)
        return face(self.label, 0.81, box=box, number=number)

    def _write(self, seq, name, camera):
        faces = [
            self._face(number, (200 + seq % 100 - 150 * i, 60, 160 - i, 200)) for i, number in enumerate(self.numbers)
        ]
        shown = frame(seq, picture((90, 90, 90), 640, 480), captured=self.start + seq * self.step)
        shown = replace(shown, source=name or shown.source)
        events, self.events = self.events, ()
        camera.write(replace(result(seq, *faces), frame=shown, events=events))


@contextmanager
def visited(tab, run, path=""):
    tab.goto(run.url + path)
    try:
        yield tab
    finally:
        tab.goto("about:blank")


def bar(tab, emotion):
    """Return the length of a bar, 0 to 1."""
    row = tab.locator(".row", has_text=emotion)
    return float(row.locator("i").evaluate("node => getComputedStyle(node).getPropertyValue('--p')"))


def wait_until(tab, condition):
    """Poll a condition of the page, as JavaScript: Playwright's own way of waiting is against the page's policy."""
    patiently(lambda: tab.evaluate(condition), LONG / 1000)


def test_a_face_that_is_not_read_says_why_and_shows_no_bars(tab, bundle, no_threads_left):
    with Run(bundle) as run:
        run.reason = "small"
        with visited(tab, run):
            row = tab.locator(".face")
            browsers.expect(row.locator(".emotion")).to_have_text("too small", timeout=LONG)
            browsers.expect(row.locator(".rows")).to_be_hidden()
            run.reason = None
            browsers.expect(row.locator(".emotion")).to_have_text("happy", timeout=LONG)
            browsers.expect(row.locator(".bar").first).to_be_visible()
            run.reason = "turned"
            browsers.expect(row.locator(".emotion")).to_have_text("turned away", timeout=LONG)
            browsers.expect(tab.locator(".now")).to_have_text(re.compile(r"turned away\s*$"))
            browsers.expect(row.locator(".confidence")).to_have_text("")
            for part in (".bar", ".percent"):
                browsers.expect(row.locator(part).first).to_be_hidden()
            assert not tab.complaints


@BOTH_SIZES
def test_a_clip_is_shown_and_its_changes_are_followed(tab, bundle, no_threads_left):
    with Run(bundle) as run, visited(tab, run):
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        browsers.expect(tab.locator(".now")).to_have_text(re.compile(r"happy\s*81%"), timeout=LONG)
        assert bar(tab, "happy") == pytest.approx(0.81, abs=0.01)
        drawn = "document.querySelector('canvas.picture').getContext('2d')"
        wait_until(tab, f"{drawn}.getImageData(5, 5, 1, 1).data[0] > 60")
        yellow = (
            f"[...{drawn}.getImageData(0, 0, 2000, 2000).data].some((v, i, a) => i % 4 == 0 && v > 230 && a[i+2] < 90)"
        )
        wait_until(tab, yellow)
        run.label = SAD
        browsers.expect(tab.locator(".face .emotion")).to_have_text("sad", timeout=LONG)
        assert bar(tab, "sad") > bar(tab, "happy")
        browsers.expect(tab.locator(".minute")).to_have_attribute(
            "aria-label", re.compile(r"happy \d+ s.*sad|sad \d+ s.*happy"), timeout=LONG
        )
        browsers.expect(tab.locator("#calm")).to_have_text("sad", timeout=LONG)
        browsers.expect(tab.locator("#model")).to_have_text(re.compile("tiny int8"), timeout=LONG)
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no sideways scrolling"
        assert tab.complaints == []


def test_a_lost_connection_is_told_and_found_again(tab, bundle, no_threads_left):
    with Run(bundle) as run:
        tab.goto(run.url)
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
    browsers.expect(tab.locator("#status")).to_have_text(re.compile("The run has ended"), timeout=LONG)
    assert not [text for text in tab.complaints if "Content Security Policy" in text]
    with Run(bundle, port=int(run.url.rstrip("/").rpartition(":")[2])) as again:
        again.label = SAD
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        browsers.expect(tab.locator(".now-emotion")).to_have_text("sad", timeout=LONG)
        wait_until(tab, "document.querySelector('.notice').hidden")
        tab.goto("about:blank")


def test_a_server_that_is_gone_without_a_word_is_told(tab, bundle, no_threads_left):
    with Run(bundle) as run, visited(tab, run):
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        tab.evaluate("""
          window.states = [];
          const status = document.querySelector("#status");
          new MutationObserver(() => states.push(status.dataset.state)).observe(status, { attributes: true });
        """)
        tab.evaluate("""
          new MutationObserver(() => (window.dimmed ||= document.querySelector("#faces[data-dim]") !== null))
            .observe(document.querySelector("#faces"), { attributes: true });
        """)
        run.cut()
        wait_until(tab, "states.includes('lost')")
        wait_until(tab, "window.dimmed")
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)


def test_pictures_that_are_slow_to_show_are_skipped_and_never_old(tab, bundle, no_threads_left):
    slow = """
      const decode = window.createImageBitmap;
      window.shown = 0;
      window.createImageBitmap = async (...of) => {
        await new Promise((resolve) => setTimeout(resolve, 400));
        shown += 1;
        return decode(...of);
      };
    """
    tab.add_init_script(slow)
    with Run(bundle) as run, visited(tab, run):
        wait_until(tab, "window.shown >= 3")
        assert run.written > 2 * 3, "pictures were skipped"
        written = run.written
        run.pause()
        waiting = tab.evaluate("new Promise((r) => { const had = shown; setTimeout(() => r(shown - had), 2500); })")
        assert waiting <= 3, f"of {written}, the one that is being shown, the newest, and one that was on its way"


def test_a_run_that_pauses_is_told(tab, bundle, no_threads_left):
    with Run(bundle) as run, visited(tab, run):
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        run.pause()
        browsers.expect(tab.locator("#status")).to_have_text(re.compile(r"No frame for \d+ s"), timeout=LONG)


def test_the_last_picture_of_a_recording_stays(tab, bundle, no_threads_left):
    live = LivePage(("127.0.0.1", 0), Options(model=bundle), Metrics(ScriptedRecognizer()), stays=True)
    with closing(live):
        live.__enter__()
        with live.only:
            live.only.write(result(0, face(HAPPY, 0.81), image=picture((90, 90, 90), 640, 480)))
        tab.goto(live.url)
        browsers.expect(tab.locator("#status")).to_have_text("The run has ended", timeout=LONG)
        browsers.expect(tab.locator(".now-emotion")).to_have_text("happy", timeout=LONG)
        drawn = "document.querySelector('canvas.picture').getContext('2d')"
        wait_until(tab, f"{drawn}.getImageData(200, 200, 1, 1).data[0] > 60")
        browsers.expect(tab.locator(".notice")).to_have_text("The run has ended")
        assert tab.evaluate("document.querySelector('.screen').hasAttribute('data-dim')")
    browsers.expect(tab.locator("#status")).to_have_text(re.compile("waiting for the next"), timeout=LONG)
    tab.goto("about:blank")


@BOTH_SIZES
def test_everything_is_reached_by_the_keyboard_and_seen(tab, bundle, no_threads_left):
    with Run(bundle) as run, visited(tab, run):
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        browsers.expect(tab.locator("details.face")).to_be_visible(timeout=LONG)
        reached = []
        buttons = ["pause", "boxes", "wall", "full", "read"]
        for _ in range(3 + len(buttons)):
            tab.keyboard.press("Tab")
            reached.append(tab.evaluate("document.activeElement.id || document.activeElement.localName"))
            outline = tab.evaluate("getComputedStyle(document.activeElement).outlineWidth")
            assert outline == "3px", reached[-1]
        assert reached == ["a", *buttons, "summary", "summary"], "the face's, and that of the details"
        tab.keyboard.press("Enter")
        browsers.expect(tab.locator("#thresholds")).to_contain_text("score from 0.6")
        tab.keyboard.press("b")
        assert tab.locator("#boxes").get_attribute("aria-pressed") == "false"
        tab.keyboard.press("w")
        browsers.expect(tab.locator(".people")).to_be_hidden()


def test_keys_that_act_alone_can_be_taken_away(tab, bundle, no_threads_left):
    with Run(bundle) as run, visited(tab, run):
        tab.click("#details summary")
        tab.click("#keys")
        for _ in range(2):
            browsers.expect(tab.locator("kbd").first).to_be_hidden()
            tab.keyboard.press("b")
            assert tab.locator("#boxes").get_attribute("aria-pressed") == "true"
            tab.reload()
        tab.click("#details summary")
        tab.click("#keys")
        tab.keyboard.press("b")
        assert tab.locator("#boxes").get_attribute("aria-pressed") == "false"


def test_a_face_that_has_gone_is_told_so(tab, bundle, no_threads_left):
    run = Run(bundle)
    run.step = 0.04  # its own pace: a face that has gone stays for some seconds
    with run, visited(tab, run):
        browsers.expect(tab.locator(".who")).to_have_text("#1", timeout=LONG)
        run.numbers = [2]
        browsers.expect(tab.locator(".who")).to_have_text(["#1, gone", "#2"], timeout=LONG)
        browsers.expect(tab.locator(".who")).to_have_text(["#2"], timeout=LONG)


def test_a_browser_signs_in_without_a_token_in_the_address(tab, bundle, monkeypatch, no_threads_left):
    monkeypatch.setenv(token.VARIABLE, TOKEN)
    with Run(bundle) as run, visited(tab, run):
        assert tab.url == run.url + "sign-in"
        for given, seen in (("a wrong one", "#wrong"), (TOKEN, ".now")):
            tab.fill("#token", given)
            tab.keyboard.press("Enter")
            browsers.expect(tab.locator(seen)).to_be_visible(timeout=LONG)
        assert tab.url == run.url
        assert tab.evaluate("document.cookie") == "", "out of the page's reach"
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        tab.goto(run.url + "api")
        browsers.expect(tab.locator("section h2").first).to_have_text("GET /stream.mjpg", timeout=LONG)
        assert tab.complaints == []


def of(tab, camera, part=""):
    return tab.locator(f'.camera[data-camera="{camera}"] {part}')


def chosen(tab):
    return tab.evaluate("[...document.querySelectorAll('[data-chosen]')].map((node) => node.dataset.camera)")


@BOTH_SIZES
def test_several_cameras_are_a_grid_of_which_one_is_enlarged(tab, bundle, no_threads_left):
    with Run(bundle, cameras=THREE) as run, visited(tab, run):
        for name in THREE:
            browsers.expect(of(tab, name, ".now")).to_have_text(re.compile(rf"{name}\s*happy\s*81%"), timeout=LONG)
        browsers.expect(tab.locator("#status")).to_have_text("Live")
        browsers.expect(tab.locator(".people")).to_be_hidden()
        drawn = "[...document.querySelectorAll('canvas.picture')].every((c) => c.getContext('2d')"
        wait_until(tab, f"{drawn}.getImageData(5, 5, 1, 1).data[0] > 60)")
        widths = "[...document.querySelectorAll('.camera')].map((node) => node.clientWidth)"
        assert len(set(tab.evaluate(widths))) == 1, "tiles of one size"
        of(tab, "porch", ".choose").click()
        assert chosen(tab) == ["porch"]
        assert tab.url == f"{run.url}?camera=porch", "for a bookmark"
        hall, porch, yard = tab.evaluate(widths)
        assert porch > 2 * hall == 2 * yard
        browsers.expect(tab.locator("details.face .emotion")).to_have_text("happy", timeout=LONG)
        tab.reload()
        browsers.expect(of(tab, "porch", ".now-emotion")).to_have_text("happy", timeout=LONG)
        assert chosen(tab) == ["porch"]
        tab.click("#all")
        assert chosen(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no sideways scrolling"
        assert tab.complaints == []


def test_cameras_are_chosen_by_the_keyboard(tab, bundle, no_threads_left):
    with Run(bundle, cameras=THREE) as run, visited(tab, run):
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        for _ in range(3):
            tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == "Enlarge porch"
        tab.keyboard.press("Enter")
        assert chosen(tab) == ["porch"]
        assert tab.evaluate("document.activeElement.id") == "all", "where the focus goes on"
        tab.keyboard.press("Enter")
        assert chosen(tab) == []
        assert tab.evaluate("document.activeElement.getAttribute('aria-label')") == "Enlarge porch"
        tab.keyboard.press("3")
        assert chosen(tab) == ["yard"]
        tab.keyboard.press("Escape")
        assert chosen(tab) == []
        tab.keyboard.press("w")
        browsers.expect(tab.locator(".happened")).to_be_hidden()
        browsers.expect(of(tab, "yard", ".now")).to_be_visible()


def test_a_camera_is_paused_and_all_are(tab, bundle, no_threads_left):
    with Run(bundle, cameras=THREE) as run, visited(tab, run, "?camera=porch"):
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        browsers.expect(tab.locator("#pause")).to_have_text("Pause porch")
        tab.click("#pause")
        browsers.expect(tab.locator("#status")).to_have_text("Paused", timeout=LONG)
        assert [camera.gate.paused for camera in run.cameras.values()] == [False, True, False]
        assert of(tab, "porch", ".screen").get_attribute("data-dim") is not None
        browsers.expect(of(tab, "porch", ".notice")).to_have_text("Paused")
        drawn = (
            "document.querySelector('[data-chosen] canvas.picture').getContext('2d').getImageData(5, 5, 1, 1).data[3]"
        )
        assert tab.evaluate(drawn) == 0, "nothing is left of the picture"
        browsers.expect(tab.locator("details.face")).to_have_count(0)
        browsers.expect(tab.locator("#pause")).to_have_text("Resume porch")
        tab.click("#all")
        browsers.expect(tab.locator("#status")).to_have_text("2 of 3 live", timeout=LONG)
        tab.click("#privacy")
        browsers.expect(tab.locator("#privacy")).to_have_text("Resume all", timeout=LONG)
        assert all(camera.gate.paused for camera in run.cameras.values())
        tab.click("#privacy")
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        assert tab.complaints == []


def test_a_single_camera_is_paused(tab, bundle, no_threads_left):
    with Run(bundle) as run, visited(tab, run):
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        for hidden in ("#all", "#privacy"):
            browsers.expect(tab.locator(hidden)).to_be_hidden()
        tab.click("#pause")
        browsers.expect(tab.locator("#pause")).to_have_text("Resume", timeout=LONG)
        browsers.expect(tab.locator("#status")).to_have_text("Paused", timeout=LONG)
        tab.click("#pause")
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)


DRAWN = "(c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v)"


def dims(tab, camera, text):
    """The last picture is there, dimmed, with its label, and so says the text over it."""
    browsers.expect(of(tab, camera, ".notice")).to_have_text(re.compile(text), timeout=LONG)
    browsers.expect(of(tab, camera, ".now-emotion")).to_have_text("happy", timeout=LONG)
    drawn = f"document.querySelector('.camera[data-camera={camera}] canvas.picture')"
    wait_until(tab, f"{drawn}.getContext('2d').getImageData(5, 5, 1, 1).data[0] > 60")
    wait_until(tab, f"Number(getComputedStyle({drawn}).opacity) < 0.5")
    assert tab.complaints == []


def test_a_later_visitor_sees_the_last_picture_of_an_ended_or_lost_camera(tab, bundle, no_threads_left):
    tab.set_viewport_size(PHONE)
    with Run(bundle, cameras=THREE) as run:
        patiently(lambda: run.written > 3)
        run.left.add("hall")
        run.silent.add("yard")
        patiently(lambda: run.cameras["yard"].pictures.keeps)
        for path in ("", "?camera=yard", "?camera=hall"):
            with visited(tab, run, path):
                dims(tab, "hall", "This camera has ended")
                dims(tab, "yard", "No frame for")
                assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no sideways scrolling"
        with visited(tab, run):
            run.silent.clear()
            wait_until(tab, "document.querySelector('.camera[data-camera=yard]').dataset.state === 'live'")
            browsers.expect(of(tab, "hall", ".notice")).to_have_text("This camera has ended")
            tab.click("#privacy")
            browsers.expect(tab.locator("#status")).to_have_text("0 of 3 live", timeout=LONG)
            wait_until(tab, "![...document.querySelectorAll('canvas.picture')].some(drawn)".replace("drawn", DRAWN))
    assert not run.cameras["hall"].pictures.keeps, "a pause takes it away"


def test_a_camera_that_ends_is_dimmed_while_others_go_on(tab, bundle, no_threads_left):
    with Run(bundle, cameras=THREE) as run, visited(tab, run):
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        run.ended.add("hall")
        browsers.expect(of(tab, "hall", ".notice")).to_have_text("This camera has ended", timeout=LONG)
        assert of(tab, "hall", ".screen").get_attribute("data-dim") is not None
        assert of(tab, "yard", ".screen").get_attribute("data-dim") is None


@pytest.mark.parametrize("tab", [PHONE], ids=["phone"], indirect=True)
def test_many_faces_are_short_rows_that_open(tab, bundle, no_threads_left):
    with Run(bundle) as run, visited(tab, run):
        browsers.expect(tab.locator("details.face[open]")).to_have_count(1, timeout=LONG)
        run.numbers = [1, 2, 3, 4]
        browsers.expect(tab.locator("details.face:not([open])")).to_have_count(4, timeout=LONG)
        height = tab.locator("#faces").evaluate("node => node.clientHeight")
        assert height < 4 * 64, "four faces on a phone, pixels"
        browsers.expect(tab.locator(".strip").first).to_have_attribute("aria-label", re.compile("happy"), timeout=LONG)
        tab.locator("details.face summary").nth(2).click()
        browsers.expect(tab.locator("details.face[open] .who")).to_have_text("#3")
        assert tab.locator("details.face[open] .row").count() == len(EMOTIONS)


@pytest.fixture
def past(tmp_path):
    """A history: ten minutes of `sad` half an hour ago, and an event."""
    path, now = tmp_path / "history.db", int(time.time())
    with closing(open_database(path)) as connection, connection:
        connection.execute("INSERT INTO class_lists (names) VALUES ('[\"sad\"]')")
        rows = [(now - 1800 + second, "porch", 7, "sad", 0.9, 10) for second in range(600)]
        connection.executemany("INSERT INTO faces VALUES (?, ?, ?, ?, ?, ?, 1, '[1.0]')", rows)
        event = (now - 1200, "porch", "face_left", 7, "sad", 600.0)
        connection.execute(
            "INSERT INTO events (t, camera, event, face, label, duration) VALUES (?, ?, ?, ?, ?, ?)", event
        )
    return path


def test_the_page_opens_with_the_last_hour(tab, bundle, past, no_threads_left):
    run = Run(bundle, cameras=("hall", "porch"), history=past)
    run.start, run.step = time.time(), 0.04
    with run, visited(tab, run, "?camera=porch"):
        lanes = tab.locator("#timeline canvas")
        browsers.expect(lanes).to_have_attribute("aria-label", re.compile("The last hour: .*sad 10 min"), timeout=LONG)
        browsers.expect(tab.locator("#log li")).to_have_text([re.compile("#7 left after 10 min")], timeout=LONG)
        names = tab.locator(".lane-names span")
        browsers.expect(names).to_have_text(list(EMOTIONS), timeout=LONG)
        wide = "['.camera[data-chosen] .screen', '#timeline'].map((s) => document.querySelector(s).clientWidth)"
        assert len(set(tab.evaluate(wide))) == 1, "as wide as the picture"
        blue = """(() => {
          const canvas = document.querySelector("#timeline canvas");
          const height = Math.round(canvas.height * 5.5 / 7);
          const row = canvas.getContext("2d").getImageData(0, height, canvas.width, 1).data;
          const is = (i) => row[4 * i] === 86 && row[4 * i + 1] === 180 && row[4 * i + 2] === 233;
          return [...Array(canvas.width).keys()].filter(is).length / canvas.width;
        })()"""
        assert tab.evaluate(blue) == pytest.approx(1 / 6, abs=0.02), "ten minutes of an hour, in the lane of sad"
        tab.get_by_role("button", name="5 min").click()
        browsers.expect(lanes).to_have_attribute("aria-label", re.compile("The last 5 min: happy"), timeout=LONG)
        tab.keyboard.press("1")
        browsers.expect(tab.locator("#log li")).to_have_count(0)
        assert tab.complaints == []


def snapshot(album, folder, t, number=7, shade=90):
    """Take a snapshot as a rule does; return its path."""
    shown = result(0, face(number=number), image=picture((shade, 90, 90), 640, 480))
    trigger = Trigger("visitor", "face_left", t, "porch", face=number, result=shown)
    before = set(folder.iterdir())
    TakeSnapshot(folder, Snapshot(folder), album).run(trigger, threading.Event())
    (path,) = set(folder.iterdir()) - before
    return path


def test_events_have_the_snapshots_of_rules(tab, bundle, past, tmp_path, no_threads_left):
    folder = tmp_path / "snapshots"
    folder.mkdir()
    album = Album([Rule("visitor", "face_left", snapshot=Snapshot(folder))])
    stored = snapshot(album, folder, int(time.time()) - 1200)
    shown = tab.locator("#log li img")
    run = Run(bundle, cameras=("hall", "porch"), history=past, album=album)
    run.start, run.step = time.time(), 0.04
    with run, visited(tab, run):
        browsers.expect(tab.locator("#log li")).to_have_text([re.compile("porch #7 left")], timeout=LONG)
        browsers.expect(shown).to_have_attribute("alt", re.compile(r"Snapshot, \d.* porch #7 left after 10 min"))
        wait_until(tab, "document.querySelector('#log img').naturalWidth === 640")
        tab.locator("#log button").focus()
        now = time.time() - 5
        run.events = ({"event": "face_appeared", "t": now, "source": "porch", "id": 9},)
        snapshot(album, folder, now + 1, number=9)
        snapshot(album, folder, now + 2, number=None)
        told = ["porch visitor", "porch #9 came", "porch #7 left after 10 min"]
        browsers.expect(tab.locator("#log li")).to_have_text([re.compile(one) for one in told], timeout=LONG)
        wait_until(tab, "[...document.querySelectorAll('#log li img')].filter((one) => one.naturalWidth).length === 3")
        assert tab.evaluate("document.activeElement.matches('#log li:last-child button')"), "the focus has stayed"
        tab.keyboard.press("Enter")
        browsers.expect(tab.locator("#snapshot")).to_be_visible()
        browsers.expect(tab.locator("#snapshot h2")).to_have_text(re.compile("porch #7 left after 10 min"))
        large = tab.locator("#snapshot img").bounding_box()["width"]
        assert large > 3 * shown.last.bounding_box()["width"]
        tab.keyboard.press("Escape")
        browsers.expect(tab.locator("#snapshot")).to_be_hidden()
        assert tab.complaints == []
        stored.unlink()
        tab.reload()
        browsers.expect(tab.locator("#log li")).to_have_count(3, timeout=LONG)
        browsers.expect(shown).to_have_count(2)
        assert tab.complaints == []


def test_a_snapshot_that_has_gone_leaves_its_event(tab, bundle, past, tmp_path, no_threads_left):
    folder = tmp_path / "snapshots"
    folder.mkdir()
    album = Album([Rule("visitor", "face_left", snapshot=Snapshot(folder))])
    snapshot(album, folder, int(time.time()) - 1200)
    run = Run(bundle, cameras=("hall", "porch"), history=past, album=album)
    with run:
        tab.route("**/api/v1/snapshots/**", lambda route: route.fulfill(status=404))
        with visited(tab, run):
            browsers.expect(tab.locator("#log li")).to_have_text([re.compile("porch #7 left")], timeout=LONG)
            browsers.expect(tab.locator("#log button")).to_be_hidden()


def test_events_are_told_as_they_come(tab, bundle, no_threads_left):
    run = Run(bundle)
    run.step = 0.04
    with run, visited(tab, run):
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        assert tab.locator("#spans button").count() == 0, "there is no history to choose from"
        common = {"source": "test", "id": 1}
        run.events = (
            {"event": "face_appeared", "t": 1000.0, **common},
            {"event": "emotion_changed", "t": 1003.0, "from": "sad", "to": "happy", "duration_s": 3.2, **common},
        )
        told = ["#1 happy, after 3 s of sad", "#1 came"]
        browsers.expect(tab.locator("#log li")).to_have_text([re.compile(one) for one in told], timeout=LONG)
        browsers.expect(tab.locator("#timeline canvas")).to_have_attribute(
            "aria-label", re.compile("The last 60 s: happy"), timeout=LONG
        )
        run.step = 2.0
        browsers.expect(tab.locator("#timeline canvas")).to_have_attribute(
            "aria-label", re.compile("The last 5 min: happy"), timeout=LONG
        )


def drop(tab, content, kind):
    """Drop a file onto the page."""
    tab.evaluate(
        """([bytes, type]) => {
          const data = new DataTransfer();
          data.items.add(new File([new Uint8Array(bytes)], "a picture", { type }));
          const told = (name) => new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true });
          document.body.dispatchEvent(told("dragover"));
          window.invited = !document.querySelector("#drop").hidden;
          document.body.dispatchEvent(told("drop"));
        }""",
        [list(content), kind],
    )


def test_a_dropped_picture_is_read(tab, bundle, no_threads_left):
    with Run(bundle) as run, visited(tab, run):
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        drop(tab, cv2.imencode(".png", picture((40, 120, 200), 320, 240))[1].tobytes(), "image/png")
        assert tab.evaluate("invited")
        browsers.expect(tab.locator("#found")).to_have_text("No face was found.", timeout=LONG)
        drawn = "document.querySelector('dialog canvas').getContext('2d').getImageData(5, 5, 1, 1).data[0]"
        wait_until(tab, f"{drawn} === 200")
        assert tab.complaints == []
        tab.keyboard.press("Escape")
        browsers.expect(tab.locator("#upload")).to_be_hidden()
        drop(tab, b"no picture", "image/png")
        browsers.expect(tab.locator("#message")).to_contain_text("no image that can be read", timeout=LONG)


@pytest.mark.parametrize("tab", [PHONE_ON_ITS_SIDE], ids=["phone on its side"], indirect=True)
def test_picture_and_face_are_seen_together_on_a_phone_on_its_side(tab, bundle, no_threads_left):
    with Run(bundle) as run, visited(tab, run):
        browsers.expect(tab.locator("details.face")).to_be_visible(timeout=LONG)
        for part in (".screen", ".now", "details.face summary"):
            box = tab.locator(part).bounding_box()
            assert box["y"] + box["height"] <= PHONE_ON_ITS_SIDE["height"], part
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no sideways scrolling"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_buttons_are_explained_and_texts_have_contrast(tab, bundle, scheme, no_threads_left):
    tab.emulate_media(color_scheme=scheme)
    with Run(bundle, cameras=THREE) as run, visited(tab, run, "?camera=porch"):
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        assert tab.evaluate("[...document.querySelectorAll('.tools button, #keys')].every((one) => one.title)")
        contrast = """(name) => {
          const style = getComputedStyle(document.documentElement);
          const light = (text) => {
            const canvas = new OffscreenCanvas(1, 1).getContext("2d");
            canvas.fillStyle = style.getPropertyValue(text);
            canvas.fillRect(0, 0, 1, 1);
            const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
              .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          };
          return Math.min(...["--ground", "--card", "--track"].map((ground) => {
            const [a, b] = [light(name), light(ground)].sort((a, b) => b - a);
            return (a + 0.05) / (b + 0.05);
          }));
        }"""
        for name in ("--ink", "--quiet", "--good", "--warn", "--bad"):
            assert tab.evaluate(contrast, name) >= 4.5, f"{name}: WCAG's level AA"
