"""The live page in a browser: Chromium, driven through Playwright."""

import re
import threading
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

pytest.importorskip("starlette", reason="the extra 'web' is not installed")
pytest.importorskip("uvicorn", reason="the extra 'web' is not installed")

from edge.base.classes import EMOTIONS
from edge.base.settings import Options
from edge.outputs.prometheus import Metrics
from edge.web import token
from edge.web.live_page import LivePage

from ..patience import patiently
from ..stand_ins import ScriptedRecognizer, face, frame, picture, result

browsers = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
LONG = 15_000
"""Milliseconds."""

TOKEN = "a-token-of-some-length"
HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")


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
    """A page with a clip that plays: one face, `number`, that shows `label`."""

    def __init__(self, bundle, port=0):
        self.label, self.number, self.written = HAPPY, 1, 0
        self.step = 1.0  # seconds from frame to frame
        self._live = LivePage(("127.0.0.1", port), Options(model=bundle), Metrics(ScriptedRecognizer()))
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
        self._live.only.__exit__(None, None, None)

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
            there = face(self.label, 0.81, box=(200 + seq % 100, 60, 160, 200), number=self.number)
            shown = frame(seq, picture((90, 90, 90), 640, 480), captured=1000 + seq * self.step)
            self._live.only.write(replace(result(seq, there), frame=shown))
            seq += 1
            self.written = seq


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


@BOTH_SIZES
def test_a_clip_is_shown_and_its_changes_are_followed(tab, bundle, no_threads_left):
    with Run(bundle) as run, visited(tab, run):
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        browsers.expect(tab.locator("#now")).to_have_text(re.compile(r"happy\s*81%"), timeout=LONG)
        assert bar(tab, "happy") == pytest.approx(0.81, abs=0.01)
        drawn = "document.querySelector('#picture').getContext('2d')"
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
        browsers.expect(tab.locator("#now-emotion")).to_have_text("sad", timeout=LONG)
        wait_until(tab, "document.querySelector('#notice').hidden")
        tab.goto("about:blank")


def test_a_server_that_is_gone_without_a_word_is_told(tab, bundle, no_threads_left):
    with Run(bundle) as run, visited(tab, run):
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        tab.evaluate("""
          window.states = [];
          const status = document.querySelector("#status");
          new MutationObserver(() => states.push(status.dataset.state)).observe(status, { attributes: true });
        """)
        run.cut()
        wait_until(tab, "states.includes('lost')")
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
        browsers.expect(tab.locator("#now-emotion")).to_have_text("happy", timeout=LONG)
        wait_until(tab, "document.querySelector('#notice').hidden")
        drawn = "document.querySelector('#picture').getContext('2d')"
        wait_until(tab, f"{drawn}.getImageData(200, 200, 1, 1).data[0] > 60")
        assert not tab.evaluate("document.querySelector('.screen').hasAttribute('data-dim')")
    browsers.expect(tab.locator("#status")).to_have_text(re.compile("waiting for the next"), timeout=LONG)
    tab.goto("about:blank")


@BOTH_SIZES
def test_everything_is_reached_by_the_keyboard_and_seen(tab, bundle, no_threads_left):
    with Run(bundle) as run, visited(tab, run):
        reached = []
        buttons = ["boxes", "wall", "full", "keys"] if tab.viewport_size == DESKTOP else ["boxes", "wall", "full"]
        for _ in range(2 + len(buttons)):
            tab.keyboard.press("Tab")
            reached.append(tab.evaluate("document.activeElement.id || document.activeElement.textContent"))
            outline = tab.evaluate("getComputedStyle(document.activeElement).outlineWidth")
            assert outline == "3px", reached[-1]
        assert reached == ["Skip to the faces", *buttons, "API"]
        tab.keyboard.press("b")
        assert tab.locator("#boxes").get_attribute("aria-pressed") == "false"
        tab.keyboard.press("w")
        browsers.expect(tab.locator(".people")).to_be_hidden()


def test_keys_that_act_alone_can_be_taken_away(tab, bundle, no_threads_left):
    with Run(bundle) as run, visited(tab, run):
        tab.click("#keys")
        for _ in range(2):
            browsers.expect(tab.locator("kbd").first).to_be_hidden()
            tab.keyboard.press("b")
            assert tab.locator("#boxes").get_attribute("aria-pressed") == "true"
            tab.reload()
        tab.click("#keys")
        tab.keyboard.press("b")
        assert tab.locator("#boxes").get_attribute("aria-pressed") == "false"


def test_a_face_that_has_gone_is_told_so(tab, bundle, no_threads_left):
    run = Run(bundle)
    run.step = 0.04  # its own pace: a face that has gone stays for some seconds
    with run, visited(tab, run):
        browsers.expect(tab.locator(".who")).to_have_text("#1", timeout=LONG)
        run.number = 2
        browsers.expect(tab.locator(".who")).to_have_text(["#1, gone", "#2"], timeout=LONG)
        browsers.expect(tab.locator(".who")).to_have_text(["#2"], timeout=LONG)


def test_a_browser_signs_in_without_a_token_in_the_address(tab, bundle, monkeypatch, no_threads_left):
    monkeypatch.setenv(token.VARIABLE, TOKEN)
    with Run(bundle) as run, visited(tab, run):
        assert tab.url == run.url + "sign-in"
        for given, seen in (("a wrong one", "#wrong"), (TOKEN, "#now")):
            tab.fill("#token", given)
            tab.keyboard.press("Enter")
            browsers.expect(tab.locator(seen)).to_be_visible(timeout=LONG)
        assert tab.url == run.url
        assert tab.evaluate("document.cookie") == "", "out of the page's reach"
        browsers.expect(tab.locator("#status")).to_have_text("Live", timeout=LONG)
        tab.goto(run.url + "api")
        browsers.expect(tab.locator("section h2").first).to_have_text("GET /stream.mjpg", timeout=LONG)
        assert tab.complaints == []
