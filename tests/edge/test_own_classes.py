"""Models with classes of their own run on every output."""

import json
import re
from dataclasses import asdict
from urllib.request import urlopen

import numpy as np
import pytest

from edge.base.classes import key_of
from edge.base.errors import UserError
from edge.base.run_statistics import Statistics
from edge.base.settings import Options, Wanted
from edge.faces.events import EVERY_CHANGE, Events
from edge.faces.recognizer import Recognizer
from edge.faces.results import FaceResult
from edge.model.bundle import load_bundle
from edge.outputs.annotate import annotate
from edge.outputs.palette import colour_of

from .outputs.test_annotate import pixels_of
from .stand_ins import ScriptedRecognizer, picture, result

SMILES = ("smiling", "not smiling")
TWELVE = tuple(f"state {letter}" for letter in "abcdefghijkl")
FIFTY = tuple(f"A class with a long name No {i:02}" for i in range(50))
OF_EACH_SIZE = pytest.mark.parametrize("classes", [SMILES, TWELVE, FIFTY], ids=["2", "12", "50"])


def face(classes: tuple[str, ...], label: int, number: int = 1) -> FaceResult:
    """A face that is 60% of a class and a little of each other."""
    probabilities = np.full(len(classes), 0.4 / (len(classes) - 1), np.float32)
    probabilities[label] = 0.6
    return FaceResult(number, (200.0, 150.0, 120.0, 150.0), 0.9, classes, probabilities, label)


def frames(classes: tuple[str, ...]):
    """A result a class, in each of which one face shows it, with events."""
    events = Events(EVERY_CHANGE)
    image = picture((90, 90, 90), 1280, 720)
    return [events.add_to(result(i, face(classes, i), image=image)) for i in range(len(classes))]


@OF_EACH_SIZE
def test_a_bundle_reads_faces_as_its_own_classes(make_bundle, tmp_path, portrait, classes):
    folder = make_bundle(tmp_path / "bundle", {"classes": len(classes)}, classes=classes)
    recognizer = Recognizer.from_options(Options(model=folder))
    assert recognizer.classes == classes
    (found,) = recognizer.recognize(result(image=portrait).frame).faces
    record = json.loads(json.dumps(found.record()))
    assert tuple(record["probabilities"]) == classes
    assert record["emotion"] in (None, *classes)


def test_a_run_keeps_its_classes(make_bundle, tmp_path):
    folder = make_bundle(tmp_path / "bundle", {"classes": 2}, classes=SMILES)
    recognizer = Recognizer.from_options(Options(model=folder))
    make_bundle(folder, {"classes": 2}, classes=["glasses", "no glasses"])
    with pytest.raises(UserError, match="the new model has other classes, glasses, no glasses: stop the run"):
        recognizer.reload(Options(model=folder))
    assert recognizer.classes == SMILES


def test_a_baseline_is_of_the_emotions_alone(make_bundle, tmp_path):
    folder = make_bundle(tmp_path / "bundle", {"classes": 2}, classes=SMILES)
    with pytest.raises(UserError, match="knows the seven emotions at rest"):
        Recognizer.from_options(Options(model=folder, personal_baseline=True))


@OF_EACH_SIZE
def test_records_and_events_have_the_names(classes):
    last = frames(classes)[-1]
    assert last.record()["faces"][0]["emotion"] == classes[-1]
    assert list(last.rows()[0])[-len(classes) :] == [f"p_{name}" for name in classes]
    assert {event["to"] for event in last.events} == {classes[-1]}


@OF_EACH_SIZE
@pytest.mark.parametrize("size", [(1280, 720), (640, 480)])
def test_the_panel_has_room_and_shows_the_label(classes, size):
    image = picture((90, 90, 90), *size)
    shown = annotate(result(0, face(classes, len(classes) - 1), image=image))
    right = shown[:, 330:]
    assert pixels_of(right, colour_of(len(classes) - 1)) > 100, "the bar of the label"
    assert pixels_of(right[:, -2:], (90, 90, 90)) == 2 * size[1], "nothing reaches the edge"


@OF_EACH_SIZE
def test_the_report_has_every_class(make_bundle, tmp_path, classes):
    video = pytest.importorskip("edge.report.video", reason="pip install 'emotion-edge[analyze]'")
    bundle = load_bundle(make_bundle(tmp_path / "bundle", {"classes": len(classes)}, classes=classes))
    paths = tmp_path / "t.csv", tmp_path / "t.parquet"
    with video.Digest(True, classes) as digest, video.Table(*paths, classes) as table:
        for one in frames(classes):
            digest.write(one)
            table.write(one)
    made_from = {
        "video": {"bytes": 1},
        "model": {"sha256": "0"},
        "settings": asdict(Options()),
        "wanted": asdict(Wanted()),
    }
    summary = {"video": "v", "incomplete": None, "versions": {}, "made_from": made_from}
    summary |= video.findings_of(digest, None)
    text = video.page(digest, summary, bundle, None, video.Player(None))
    for name in classes:
        assert f">{name}</th>" in text
        assert f"<strong>{name}</strong>" in text
    assert all(len(row) <= 12 for row in re.findall(r'class="mid name">([^<]*)<', text)), "names fit beside their rows"
    assert paths[0].read_text().splitlines()[0].count('"p_') == len(classes)


@OF_EACH_SIZE
def test_home_assistant_knows_each_class(classes):
    mqtt = pytest.importorskip("edge.outputs.mqtt_camera")
    from edge.outputs.home_assistant import discovery

    message = discovery("home", "state", "available", "1", 90, classes, pause="p", events="e", confidence="c")
    components = message["components"]
    assert components["emotion"]["options"] == list(classes)
    assert len({component["unique_id"] for component in components.values()}) == len(classes) + 8
    state = mqtt.state(mqtt.Scene(1, face(classes, 0)), 10.0, {}, 0, classes)
    for name in classes:
        template = components[f"share_{key_of(name)}"]["value_template"]
        key = re.fullmatch(r"\{\{ value_json\.shares\['(.+)'\] \}\}", template)[1]
        assert state["shares"][key] == (60 if name == classes[0] else round(40 / (len(classes) - 1)))


@OF_EACH_SIZE
def test_metrics_count_each_class_from_the_beginning(classes):
    prometheus = pytest.importorskip("edge.outputs.prometheus")
    recognizer = ScriptedRecognizer()
    recognizer.classes, recognizer.statistics = classes, Statistics()
    text = prometheus.Metrics(recognizer).exposition()[0].decode()
    for name in (*classes, "none"):
        assert f'emotion_edge_label_changes_total{{label="{name}"}} 0.0' in text


@OF_EACH_SIZE
def test_the_page_has_a_colour_for_each_class(make_bundle, tmp_path, monkeypatch, classes):
    page_module = pytest.importorskip("edge.web.live_page")
    from edge.outputs.prometheus import Metrics

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    recognizer = ScriptedRecognizer()
    recognizer.classes = classes
    options = Options(model=make_bundle(tmp_path / "bundle", {"classes": len(classes)}, classes=classes))
    with page_module.LivePage(("127.0.0.1", 0), options, Metrics(recognizer)) as live:
        text = urlopen(f"{live.url}static/palette.css").read().decode()
    assert re.findall(r"--class-(\w+): ", text) == [*map(key_of, classes), "unsure"]
