"""Each example does what it says."""

import json
import os
import runpy
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import cv2
import pytest

from edge.base.assets import ASTRONAUT, fetch

from ..edge.app.test_cli import own_lines

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
MOST_LINES = 30
CLASSES = ["not smiling", "smiling"]

pytestmark = pytest.mark.usefixtures("yunet")


def run(folder: Path, name: str, *words: object) -> str:
    command = [sys.executable, str(EXAMPLES / name), *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert (done.returncode, own_lines(done.stderr)) == (0, "")
    return done.stdout


def test_a_picture(tmp_path):
    printed = run(tmp_path, "picture.py", fetch(ASTRONAUT), "annotated.jpg")
    assert printed.startswith("happy ")
    assert (tmp_path / "annotated.jpg").stat().st_size > 10_000


def test_several_cameras(tmp_path, demo_clip):
    printed = run(tmp_path, "several_cameras.py", fetch(ASTRONAUT), demo_clip)
    assert {line.split(":")[0] for line in printed.splitlines()} == {fetch(ASTRONAUT).name, demo_clip.name}


def test_a_video_as_a_table(tmp_path, demo_clip):
    pytest.importorskip("pandas")
    assert "happy" in run(tmp_path, "video_to_dataframe.py", demo_clip)
    assert (tmp_path / "faces.csv").read_text().startswith("frame,time_s,person,x,y")


def test_classes_of_ones_own_become_a_data_set(tmp_path):
    portrait = cv2.imread(str(fetch(ASTRONAUT)))
    for number, folder in enumerate(CLASSES):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        for copy in range(10):  # a tenth of a class is a split of its own
            photo = cv2.convertScaleAbs(portrait, beta=10 * number + copy)
            cv2.imwrite(str(tmp_path / "photos" / folder / f"{copy}.png"), photo)
    printed = run(tmp_path, "own_classes.py", "photos", "faces")
    assert printed.startswith("make data SOURCE=faces DATA=data/faces\n")
    assert {path.parent.name for path in (tmp_path / "faces").glob("*/*.png")} == set(CLASSES)
    assert len(list((tmp_path / "faces").glob("*/*.png"))) == 20
    command = [sys.executable, "-m", "train.importer", "faces", "--output", "data/faces"]
    subprocess.run(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True, timeout=60)
    assert (tmp_path / "data" / "faces" / "classes.txt").read_text().split("\n")[:2] == CLASSES


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.called.append(self.path)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_webhook(tmp_path, demo_clip):
    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        server.called = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            run(tmp_path, "webhook.py", f"http://127.0.0.1:{server.server_port}/smile", demo_clip)
        finally:
            server.shutdown()
            thread.join()
    assert server.called
    assert set(server.called) == {"/smile"}


def test_the_notebook(tmp_path, demo_clip, monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("agg")
    monkeypatch.chdir(tmp_path)
    names = {}
    for cell in json.loads((EXAMPLES / "report.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            source = "".join(cell["source"]).replace("demo/WolfgangLanger_Pexels.mp4", str(demo_clip))
            exec(compile(source, "report.ipynb", "exec"), names)
    assert len(pyplot.gca().lines) == len(names["ee"].EMOTIONS)
    assert names["report"].page.is_file()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short_and_import_the_public_interface_alone(path):
    text = path.read_text()
    assert len(text.splitlines()) <= MOST_LINES
    assert "from edge" not in text
    compile(text, path.name, "exec")


def test_the_webcam_shows_pictures_until_q_is_pressed(demo_clip, monkeypatch):
    shown = []
    monkeypatch.setattr(sys, "argv", ["webcam.py", str(demo_clip)])
    monkeypatch.setattr(cv2, "imshow", lambda _, picture: shown.append(picture.shape))
    monkeypatch.setattr(cv2, "waitKey", lambda _: ord("q") if len(shown) == 3 else -1)
    monkeypatch.setattr(cv2, "destroyAllWindows", lambda: shown.append("closed"))
    runpy.run_path(str(EXAMPLES / "webcam.py"))
    assert shown == [(360, 640, 3)] * 3 + ["closed"]
