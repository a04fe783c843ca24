"""A window, with a toolkit that does as it is told, and on a real X server where one is installed."""

import ctypes
import json
import os
import shutil
import subprocess
import sys
import types
from pathlib import Path

import cv2
import pytest

from edge.base.errors import UserError
from edge.outputs import window
from edge.outputs.clock import Clock
from edge.outputs.window import Window, check_import_order, fitted, use_system_fonts

from ..patience import patiently
from ..stand_ins import face, picture, result

ROOT = Path(__file__).parents[3]
LONG = 120
"""Seconds after which something hangs."""


@pytest.fixture
def toolkit(monkeypatch):
    """Stand-in for the toolkit: its answers, and the calls to it."""
    state = {"key": -1, "visible": 1.0, "opened": [], "resized": [], "shown": [], "destroyed": 0}
    monkeypatch.setattr(window.cv2, "namedWindow", lambda title, flags: state["opened"].append(flags))
    monkeypatch.setattr(window.cv2, "resizeWindow", lambda title, *size: state["resized"].append(size))
    monkeypatch.setattr(window.cv2, "imshow", lambda title, image: state["shown"].append(image))
    monkeypatch.setattr(window.cv2, "pollKey", lambda: state["key"])
    monkeypatch.setattr(window.cv2, "getWindowProperty", lambda *_: state["visible"])
    monkeypatch.setattr(window.cv2, "destroyAllWindows", lambda: state.update(destroyed=state["destroyed"] + 1))
    monkeypatch.setattr(window, "screen_size", lambda: (1280, 800))
    monkeypatch.setattr(window, "check_import_order", lambda: None)
    return state


def make():
    return Window(Clock(live=False))


def test_a_pause_takes_the_picture_away(toolkit):
    with make() as shown:
        shown.blank()
        assert toolkit["shown"] == []
        for _ in range(2):
            shown.write(result(0, image=picture((90, 90, 90))))
            shown.blank()
            shown.blank()
    assert [image.any() for image in toolkit["shown"]] == [True, False, True, False]


@pytest.mark.parametrize(
    ("key", "visible", "closed"),
    [
        pytest.param(-1, 1.0, False, id="no key"),
        pytest.param(ord("x"), 1.0, False, id="another key"),
        pytest.param(ord("q"), 1.0, True, id="q"),
        pytest.param(27, 1.0, True, id="escape"),
        pytest.param(ord("q") | 0x100000, 1.0, True, id="q with a modifier's bits, as some toolkits have it"),
        pytest.param(-1, 0.0, True, id="closed by its button"),
        pytest.param(-1, -1.0, True, id="gone"),
    ],
)
def test_when_it_is_closed(toolkit, key, visible, closed):
    with make() as shown:
        shown.write(result(0))
        toolkit.update(key=key, visible=visible)
        shown.poll()
        assert shown.closed == closed
        toolkit.update(key=-1, visible=1.0)
        shown.poll()
        assert shown.closed == closed, "once closed, closed for good"
        shown.write(result(1))
        assert len(toolkit["shown"]) == (1 if closed else 2), "nothing opens it again"
    assert toolkit["destroyed"] == 1


def test_a_toolkit_that_has_gone_with_the_window_closes_it(toolkit, monkeypatch):
    def gone(*_):
        raise cv2.error("NULL guiReceiver (please create a window)")

    with make() as shown:
        shown.write(result(0))
        monkeypatch.setattr(window.cv2, "getWindowProperty", gone)
        shown.poll()
        assert shown.closed


def test_it_opens_with_the_first_frame(toolkit):
    toolkit.update(visible=-1.0)
    with make() as shown:
        shown.poll()
        assert not shown.closed
        assert toolkit["opened"] == []


def test_it_has_the_size_of_the_picture_its_ratio_and_no_toolbar(toolkit):
    with make() as shown:
        for size in [(640, 360), (640, 360), (300, 400)]:
            shown.write(result(0, image=picture(width=size[0], height=size[1])))
    (flags,) = toolkit["opened"]
    assert flags & cv2.WINDOW_GUI_NORMAL == cv2.WINDOW_GUI_NORMAL
    assert not flags & (cv2.WINDOW_AUTOSIZE | cv2.WINDOW_FREERATIO)
    assert toolkit["resized"] == [(640, 360), (300, 400)]


@pytest.mark.parametrize(
    ("size", "screen", "expected"),
    [
        pytest.param((640, 480), (1280, 800), (640, 480), id="its own"),
        pytest.param((3840, 2160), (1280, 800), (1152, 648), id="as wide as the screen allows"),
        pytest.param((1080, 1920), (1280, 800), (405, 720), id="as high"),
        pytest.param((3840, 2160), None, (3840, 2160), id="no screen that tells"),
        pytest.param((30000, 1), (800, 480), (720, 1), id="hardly a picture"),
    ],
)
def test_it_fits_on_the_screen(size, screen, expected):
    assert fitted(size, screen) == expected


def test_it_shows_the_annotated_frame_and_the_time(toolkit):
    image = picture(width=320, height=240)
    with make() as shown:
        for seq in (0, 75):  # frames of a second each
            shown.write(result(seq, face(box=(50, 60, 80, 90)), image=image))
    first, second = toolkit["shown"]
    assert first.shape == image.shape
    assert (first[60:150, 45:55] != 90).any(), "the box"
    assert (first[:25, :100] != second[:25, :100]).any(), "the clock"
    assert (first[60:] == second[60:]).all()


@pytest.mark.parametrize(
    ("modules", "refused"),
    [
        pytest.param(["numpy", "cv2", "av"], False, id="OpenCV first"),
        pytest.param(["cv2"], False, id="no PyAV"),
        pytest.param(["av", "av.video", "cv2"], True, id="PyAV first"),
    ],
)
def test_the_order_of_imports_is_checked(monkeypatch, modules, refused):
    monkeypatch.setattr(window, "sys", types.SimpleNamespace(modules=dict.fromkeys(modules), platform="linux"))
    if not refused:
        check_import_order()
        return
    with pytest.raises(UserError, match="'av' was imported before 'cv2'") as caught:
        check_import_order()
    assert "import cv2 first" in caught.value.remedy
    assert "--no-window" in caught.value.remedy


@pytest.mark.parametrize(
    ("named", "fonts", "expected"),
    [
        pytest.param("missing", ["truetype/a/A.ttf"], "truetype/a", id="a folder that is not there"),
        pytest.param("there", ["truetype/a/A.ttf"], "there", id="one that is"),
        pytest.param("missing", [], "missing", id="no fonts"),
        pytest.param(None, ["truetype/a/A.ttf"], None, id="a Qt that finds them by itself"),
    ],
)
def test_qt_is_shown_a_folder_with_fonts(monkeypatch, tmp_path, named, fonts, expected):
    monkeypatch.setattr(window.sys, "platform", "linux")
    monkeypatch.setattr(window, "FONTS", tmp_path)
    (tmp_path / "there").mkdir()
    for font in fonts:
        (tmp_path / font).parent.mkdir(parents=True)
        (tmp_path / font).touch()
    monkeypatch.delenv("QT_QPA_FONTDIR", raising=False)
    if named:
        monkeypatch.setenv("QT_QPA_FONTDIR", str(tmp_path / named))
    use_system_fonts()
    assert os.environ.get("QT_QPA_FONTDIR") == (expected and str(tmp_path / expected))


def test_the_environment_is_changed_before_the_first_frame(monkeypatch, tmp_path):
    """Later, threads of libraries may be reading it."""
    monkeypatch.setattr(window, "FONTS", tmp_path)
    (tmp_path / "A.ttf").touch()
    monkeypatch.setenv("QT_QPA_FONTDIR", str(tmp_path / "missing"))
    window.Window(Clock(live=False))
    assert os.environ["QT_QPA_FONTDIR"] == str(tmp_path)


@pytest.fixture
def screen(monkeypatch):
    """An X server of 800x600 pixels, which DISPLAY names."""
    if not (program := shutil.which("Xvfb")):
        pytest.skip("Xvfb is not installed here")
    gui = [line for line in cv2.getBuildInformation().splitlines() if line.strip().startswith("GUI:")]
    if not gui or "NONE" in gui[0]:
        pytest.skip("this OpenCV has no windows")
    read, write = os.pipe()
    command = [program, "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()
    monkeypatch.setenv("DISPLAY", f":{number}")
    yield
    server.terminate()
    server.wait()


def python(code, *arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=LONG)


@pytest.fixture
def clip(tmp_path):
    """Ten frames of 1600x900 pixels, larger than the screen."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (1600, 900))
    for level in range(10):
        writer.write(picture((level, 90, 90), 1600, 900))
    writer.release()
    return path


class ClientMessage(ctypes.Structure):
    """XClientMessageEvent, as long as an XEvent may be."""

    _fields_ = (
        *(("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int)),
        *(("display", ctypes.c_void_p), ("window", ctypes.c_ulong), ("message_type", ctypes.c_ulong)),
        *(("format", ctypes.c_int), ("data", ctypes.c_long * 5), ("rest", ctypes.c_long * 24)),
    )


def press_close_button(number):
    """Ask a window to close, as window managers do when its button is pressed."""
    library = ctypes.CDLL("libX11.so.6")
    library.XOpenDisplay.restype = ctypes.c_void_p
    library.XInternAtom.restype = ctypes.c_ulong
    display = ctypes.c_void_p(library.XOpenDisplay(None))
    protocols, delete = (library.XInternAtom(display, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
    event = ClientMessage(type=33, window=number, message_type=protocols, format=32)
    event.data[0] = delete
    library.XSendEvent(display, ctypes.c_ulong(number), 0, ctypes.c_long(0), ctypes.byref(event))
    library.XCloseDisplay(display)


def xdotool(*arguments):
    done = subprocess.run(["xdotool", *map(str, arguments)], capture_output=True, text=True, timeout=LONG)
    return done.stdout.split()


SHOW_UNTIL_CLOSED = """
import time
import numpy as np
from edge.outputs.clock import Clock
from edge.sources.frame import Frame
from edge.faces.results import FrameResult
from edge.outputs.window import Window
with Window(Clock(live=False)) as window:
    while not window.closed:
        window.write(FrameResult(Frame(0.0, BgrPixels(np.zeros((240, 320, 3), np.uint8)), "test", 0.0), (), 0.01))
        window.poll()
        print("shown", flush=True)
        time.sleep(0.02)
"""


@pytest.mark.parametrize("how", ["q", "Escape", "button"])
def test_it_closes_when_the_user_wants_it(screen, how):
    if not shutil.which("xdotool"):
        pytest.skip("xdotool is not installed here")
    command = [sys.executable, "-c", SHOW_UNTIL_CLOSED]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "shown\n", process.stderr.read()
            (number,) = patiently(lambda: xdotool("search", "--onlyvisible", "--name", Window.TITLE.split()[0]))
            if how == "button":
                press_close_button(int(number))
            else:
                xdotool("windowfocus", "--sync", number, "key", how)
            _, errors = process.communicate(timeout=LONG)
        finally:
            process.kill()
    assert (process.returncode, errors) == (0, "")


SHOW = """
import json, sys
from edge.sources import open_source
from edge.outputs.clock import Clock
from edge.faces.results import FrameResult
from edge.outputs.window import Window
import cv2
source = open_source(sys.argv[1])
with Window(Clock(live=False)) as window:
    while frame := source.read():
        window.write(FrameResult(frame, (), 0.01))
        window.poll()
    rectangle = cv2.getWindowImageRect(window.TITLE)
    print(json.dumps([window.closed, rectangle[2:], "av" in sys.modules]))
"""


def test_a_window_opens_after_a_video_was_decoded(screen, clip):
    done = python(SHOW, clip)
    assert (done.returncode, done.stderr) == (0, ""), "no warning of fonts either"
    closed, (width, height), decoded = json.loads(done.stdout)
    assert (closed, decoded) == (False, True)
    assert 0 < width <= 800 * window.SCREEN_SHARE
    assert 0 < height <= 600
    assert width / height == pytest.approx(16 / 9, abs=0.02)


def test_a_program_that_imported_pyav_first_is_told_so_instead_of_hanging(screen, clip, bundle, yunet):
    main = "import av, sys; from edge.app.cli import main; sys.exit(main(['run', *sys.argv[1:]]))"
    done = python(main, clip, "--model", bundle)
    assert done.returncode == 2
    assert done.stderr.startswith("emotion-edge: no window can be shown: 'av' was imported before 'cv2'")
    assert len(done.stderr.splitlines()) == 1
    assert python(main, clip, "--model", bundle, "--no-window").returncode == 0
