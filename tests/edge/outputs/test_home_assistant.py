"""The discovery message, held against what Home Assistant's documentation asks of one."""

import json
import re
from pathlib import Path

import pytest

from edge.base.classes import EMOTIONS
from edge.faces.events import EVERY_CHANGE, Events
from edge.outputs.home_assistant import device_id, discovery, discovery_topic
from edge.outputs.mqtt_camera import UNKNOWN_SCENE, Scene, state

from ..stand_ins import face, result

BLUEPRINT = Path(__file__).parents[3] / "deploy" / "home-assistant-blueprint.yaml"

TOPICS = {"pause": "a/pause", "events": "a/events", "confidence": "a/confidence"}
MESSAGE = discovery("emotion-edge/kitchen", "a/state", "a/availability", "1.2.3", 90, EMOTIONS, **TOPICS)
ENTITIES = {"emotion", "faces", "fps", "temperature", "problem", *(f"share_{name}" for name in EMOTIONS)}

OPTIONS = {
    *("name", "device_class", "expire_after", "entity_category", "icon", "unique_id", "value_template"),
    *("options", "state_class", "unit_of_measurement", "json_attributes_topic", "json_attributes_template"),
}
"""Keys that are used here, of those that the pages of MQTT's sensor and binary sensor list."""


def test_device_and_origin_are_named_once_for_all():
    assert set(MESSAGE) == {"device", "origin", "state_topic", "availability_topic", "components"}
    assert MESSAGE["device"]["identifiers"] == ["emotion-edge_kitchen"]
    assert MESSAGE["device"]["name"] == "emotion-edge/kitchen"
    assert MESSAGE["origin"]["name"] == "emotion-edge"
    assert MESSAGE["origin"]["sw_version"] == MESSAGE["device"]["sw_version"] == "1.2.3"
    assert (MESSAGE["state_topic"], MESSAGE["availability_topic"]) == ("a/state", "a/availability")
    assert json.loads(json.dumps(MESSAGE)) == MESSAGE


def test_every_entity_is_there_with_an_id_of_its_own():
    assert set(MESSAGE["components"]) == ENTITIES | {"pause", "event", "confidence"}
    ids = {component["unique_id"] for component in MESSAGE["components"].values()}
    assert ids == {f"emotion-edge_kitchen_{key}" for key in ENTITIES | {"pause", "event", "confidence"}}


@pytest.mark.parametrize("key", sorted(ENTITIES))
def test_an_entity_has_what_its_platform_asks_for(key):
    component = MESSAGE["components"][key]
    options = set(component) - {"platform"}
    assert component["platform"] == ("binary_sensor" if key == "problem" else "sensor")
    assert options <= OPTIONS
    assert options >= {"unique_id", "name", "value_template"}
    assert component["expire_after"] == 90
    if component.get("device_class") == "enum":  # its values are words
        assert component["options"] == list(EMOTIONS)
        assert not options & {"state_class", "unit_of_measurement"}
    if "unit_of_measurement" in component:
        assert component["state_class"] == "measurement"
    assert component.get("entity_category") == ("diagnostic" if key in {"fps", "temperature", "problem"} else None)


@pytest.mark.parametrize("key", sorted(ENTITIES - {"problem"}))
@pytest.mark.parametrize("shown", [UNKNOWN_SCENE, Scene(0), Scene(1, face())], ids=["unknown", "nobody", "a face"])
def test_a_template_finds_its_value_in_the_state(key, shown):
    (path,) = re.fullmatch(r"\{\{ value_json\.(.+) \}\}", MESSAGE["components"][key]["value_template"]).groups()
    value = state(shown, 10.0, {"temperature": 50.0}, 0, EMOTIONS)
    for name in re.findall(r"[a-z]+", path):
        value = value[name]
    if key == "emotion":
        assert value is None or value in EMOTIONS
    else:
        assert value is None or isinstance(value, int | float)


def test_the_problem_is_on_where_there_is_trouble():
    problem = MESSAGE["components"]["problem"]
    assert problem["device_class"] == "problem"
    assert problem["value_template"] == "{{ 'ON' if value_json.trouble else 'OFF' }}"
    assert problem["json_attributes_topic"] == "a/state"
    assert state(UNKNOWN_SCENE, 0.0, {}, 0, EMOTIONS)["trouble"]
    assert not state(UNKNOWN_SCENE, 10.0, {}, 0, EMOTIONS)["trouble"]


def test_the_types_of_the_event_entity_are_those_of_a_runs_events():
    entity = MESSAGE["components"]["event"]
    assert entity["platform"] == "event"
    assert entity["state_topic"] == "a/events"
    events = Events(EVERY_CHANGE)
    found = [*events.update(result(0, face())), *events.end()]
    assert [event["event"] for event in found] == entity["event_types"]


def test_the_number_has_the_limits_of_a_confidence():
    number = MESSAGE["components"]["confidence"]
    assert number["platform"] == "number"
    assert (number["state_topic"], number["command_topic"]) == ("a/confidence", "a/confidence/set")
    assert (number["min"], number["max"], number["entity_category"]) == (0, 1, "config")


def test_the_last_snapshot_is_an_entity_where_pictures_are_published():
    arguments = "emotion-edge/kitchen", "a/state", "a/availability", "1.2.3", 90, EMOTIONS
    components = discovery(*arguments, **TOPICS, picture="a/snapshot")["components"]
    assert set(components) == {*MESSAGE["components"], "picture"}
    assert components["picture"] == {
        **{"platform": "image", "name": "Snapshot", "unique_id": "emotion-edge_kitchen_picture"},
        **{"image_topic": "a/snapshot", "content_type": "image/jpeg"},
    }


def test_the_blueprint_offers_the_classes_of_the_models_that_ship():
    (options,) = re.findall(r"options: \[(.*)\]", BLUEPRINT.read_text())
    assert tuple(options.split(", ")) == EMOTIONS


@pytest.mark.parametrize(
    ("prefix", "device"),
    [
        pytest.param("emotion-edge/kitchen", "emotion-edge_kitchen", id="levels"),
        pytest.param("Küche 1/./x", "K_che_1_x", id="what topics of discovery must not have"),
    ],
)
def test_the_topic_of_discovery_has_the_characters_that_are_allowed(prefix, device):
    assert device_id(prefix) == device
    assert discovery_topic(prefix) == f"homeassistant/device/{device}/config"


def test_the_models_update_is_an_entity_where_releases_are_known():
    arguments = "emotion-edge/kitchen", "a/state", "a/availability", "1.2.3", 90, EMOTIONS
    message = discovery(*arguments, **TOPICS, released=True)
    assert set(message["components"]) == {*MESSAGE["components"], "model"}
    assert message["components"]["model"] == {
        **{"platform": "update", "name": "Model", "unique_id": "emotion-edge_kitchen_model"},
        **{"value_template": "{{ value_json.release }}", "entity_category": "diagnostic"},
        **{"latest_version_topic": "a/state", "latest_version_template": "{{ value_json.offered }}"},
    }
