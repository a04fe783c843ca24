"""The edge beside Home Assistant itself, which `home_assistant.sh` installs: entities and states by its API."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from edge.base.listen import free_port
from edge.outputs.home_assistant import EVENTS
from tests.edge.outputs.test_mqtt import Mosquitto
from tests.edge.patience import LONG, patiently
from tests.soak.house import write_cameras

PROJECT = Path(__file__).parents[2]
BLUEPRINT = PROJECT / "deploy" / "home-assistant-blueprint.yaml"

pytestmark = pytest.mark.skipif("HOME_ASSISTANT_ROOT" not in os.environ, reason="run by make test-home-assistant")

NOTHING_TO_REMOVE = "No device components to cleanup"
"""A run of several cameras clears the message of a run of one, whether there is one or not."""

TOKEN_ID, TOKEN_KEY, USER = "0" * 32, "1" * 32, "2" * 32

AUTH = {
    "users": [
        {
            **{"id": USER, "group_ids": ["system-admin"], "name": "test", "is_owner": True, "is_active": True},
            **{"system_generated": False, "local_only": False},
        }
    ],
    "groups": [{"id": "system-admin", "name": "Administrators"}],
    "credentials": [],
    "refresh_tokens": [
        {
            **{"id": TOKEN_ID, "user_id": USER, "client_id": None, "client_name": "test", "token": "3" * 32},
            **{"token_type": "long_lived_access_token", "jwt_key": TOKEN_KEY, "access_token_expiration": 1e6},
            **{"created_at": "2026-01-01T00:00:00+00:00", "last_used_at": None, "version": "1"},
        }
    ],
}
"""Users and tokens as Home Assistant stores them."""

RULE = """
[[rule]]
name = "visitor"
when = "face_appeared"
camera = "porch"
min_interval = 0
snapshot = { folder = "snapshots", publish = true }
"""

SETTINGS = """
http: {{server_host: 127.0.0.1, server_port: {port}}}
automation:
  - alias: Smile
    use_blueprint:
      path: emotion-edge/home-assistant-blueprint.yaml
      input: {{camera: sensor.home_hall_emotion, expression: happy, duration: {{seconds: 1}}}}
"""


def token():
    """A long-lived access token, which is a JWT signed with the key in `AUTH`."""
    now = int(time.time())
    parts = {"alg": "HS256", "typ": "JWT"}, {"iss": TOKEN_ID, "iat": now - 60, "exp": now + 86400}
    signed = b".".join(_base64(json.dumps(part).encode()) for part in parts)
    return (signed + b"." + _base64(hmac.digest(TOKEN_KEY.encode(), signed, hashlib.sha256))).decode()


def _base64(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=")


class HomeAssistant:
    """Home Assistant in its root, asked by its REST API."""

    def __init__(self, root):
        self._root, self._port, self._token = root, free_port(), token()
        config = root / "config"
        shutil.rmtree(config, ignore_errors=True)
        (config / ".storage").mkdir(parents=True)
        auth = {"version": 1, "minor_version": 1, "key": "auth", "data": AUTH}
        (config / ".storage" / "auth").write_text(json.dumps(auth))
        (config / "configuration.yaml").write_text(SETTINGS.format(port=self._port))
        blueprints = config / "blueprints" / "automation" / "emotion-edge"
        blueprints.mkdir(parents=True)
        shutil.copy(BLUEPRINT, blueprints)
        self.log = root / "config" / "said.txt"

    def start(self):
        command = ["chroot", self._root, "/usr/bin/env", "-i", "PATH=/opt/venv/bin:/usr/bin:/bin", "HOME=/root"]
        command += ["hass", "--config", "/config", "--skip-pip"]
        with self.log.open("w") as said:
            self._process = subprocess.Popen(command, stdout=said, stderr=said)
        patiently(self._is_running, 4 * LONG)

    def stop(self):
        self._process.kill()
        self._process.wait()

    def _is_running(self):
        assert self._process.poll() is None, self.log.read_text()[-3000:]
        try:
            return self.ask("GET", "config")["state"] == "RUNNING"
        except (urllib.error.URLError, ConnectionError):
            return False

    def ask(self, method, path, body=None):
        """The answer of its API."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        address = f"http://127.0.0.1:{self._port}/api/{path}"
        request = urllib.request.Request(address, content, headers, method=method)
        with urllib.request.urlopen(request, timeout=LONG) as answer:
            content = answer.read()
            return json.loads(content) if answer.headers.get_content_subtype() == "json" else content

    def connect(self, broker):
        """Set the MQTT integration up as its dialogue does."""
        flow = self.ask("POST", "config/config_entries/flow", {"handler": "mqtt"})
        answer = {"broker": "127.0.0.1", "port": broker.port}
        assert self.ask("POST", f"config/config_entries/flow/{flow['flow_id']}", answer)["type"] == "create_entry"

    def states(self):
        return {one["entity_id"]: one for one in self.ask("GET", "states")}

    def wait(self, entity, expected):
        """The entity, once its state is as expected."""
        wanted = expected if callable(expected) else expected.__eq__

        def found():
            state = self.states().get(entity)
            return state if state and wanted(state["state"]) else None

        return patiently(found, LONG)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Home Assistant, connected to a broker."""
    broker = Mosquitto(shutil.which("mosquitto"), tmp_path_factory.mktemp("broker"), "allow_anonymous true")
    broker.start()
    made = HomeAssistant(Path(os.environ["HOME_ASSISTANT_ROOT"]))
    try:
        made.start()
        made.connect(broker)
        made.broker = broker
        yield made
    finally:
        made.stop()
        broker.kill()


class Edge:
    """A run of the edge on clips; the names of the clips are those of the cameras."""

    def __init__(self, folder, broker):
        self._folder, self._broker = folder, broker
        write_cameras(folder)

    def start(self, **clips):
        cameras = [
            f'[[camera]]\nname = "{name}"\nsource = "{clip}"\ncapture.loop = true\n' for name, clip in clips.items()
        ]
        text = f'[outputs]\nmqtt = "mqtt://127.0.0.1:{self._broker.port}/home"\n' + "".join(cameras)
        (self._folder / "home.toml").write_text(text + RULE)
        environment = os.environ | {"PYTHONPATH": str(PROJECT), "XDG_STATE_HOME": str(self._folder)}
        command = [sys.executable, "-m", "edge", "run", "--config", "home.toml"]
        with (self._folder / "said.txt").open("a") as said:
            self._process = subprocess.Popen(command, cwd=self._folder, env=environment, stdout=said, stderr=said)

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(LONG) == 0

    def kill(self):
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def edge(home, tmp_path_factory):
    made = Edge(tmp_path_factory.mktemp("edge"), home.broker)
    made.start(hall="always.avi", porch="sometimes.avi")
    yield made
    made.kill()


def table(states):
    """The states of the run's entities in lines."""
    ours = [one for name, one in sorted(states.items()) if name.split(".")[1].startswith(("home_", "smile"))]
    return "\n".join(f"{one['entity_id']:44} {one['state']}" for one in ours)


@pytest.mark.usefixtures("edge")
class TestEntities:
    """In this order, on one Home Assistant."""

    def test_each_camera_is_a_device_with_its_states(self, home, capsys):
        home.wait("sensor.home_hall_emotion", "happy")
        home.wait("sensor.home_porch_emotion", "happy")
        home.wait("sensor.home_hall_faces", "1")
        home.wait("sensor.home_hall_happy", lambda share: float(share) > 50)
        home.wait("sensor.home_hall_frames_per_second", lambda rate: float(rate) > 0)
        home.wait("binary_sensor.home_hall_problem", "off")
        for switch in ("switch.home_hall_pause", "switch.home_porch_pause", "switch.home_pause_all_cameras"):
            home.wait(switch, "off")
        with capsys.disabled():
            print(f"\nHome Assistant {home.ask('GET', 'config')['version']}\n{table(home.states())}")

    def test_an_event_has_its_type_and_its_facts(self, home):
        event = home.wait("event.home_porch_face", lambda state: state not in {"unknown", "unavailable"})
        assert event["attributes"]["event_types"] == list(EVENTS)
        assert event["attributes"]["event_type"] in EVENTS
        assert event["attributes"]["source"] == "porch"

    def test_the_last_snapshot_is_an_image_of_the_camera_whose_rule_publishes_it(self, home):
        home.wait("image.home_porch_snapshot", lambda state: state not in {"unknown", "unavailable"})
        assert home.ask("GET", "image_proxy/image.home_porch_snapshot").startswith(b"\xff\xd8")
        assert "image.home_hall_snapshot" not in home.states()

    def test_the_blueprint_acts_when_the_expression_lasts(self, home):
        patiently(lambda: home.states()["automation.smile"]["attributes"]["last_triggered"], LONG)

    def test_the_switch_pauses_the_camera_and_no_other(self, home):
        home.ask("POST", "services/switch/turn_on", {"entity_id": "switch.home_hall_pause"})
        home.wait("switch.home_hall_pause", "on")
        home.wait("sensor.home_hall_emotion", "unknown")
        home.wait("sensor.home_porch_emotion", "happy")
        home.ask("POST", "services/switch/turn_off", {"entity_id": "switch.home_hall_pause"})
        home.wait("sensor.home_hall_emotion", "happy")

    def test_the_number_adjusts_the_confidence_of_events(self, home):
        home.wait("number.home_hall_least_confidence", lambda state: float(state) == 0.5)
        number = {"entity_id": "number.home_hall_least_confidence", "value": 0.75}
        home.ask("POST", "services/number/set_value", number)
        home.wait("number.home_hall_least_confidence", "0.75")
        home.wait("number.home_porch_least_confidence", lambda state: float(state) == 0.5)

    def test_a_camera_that_is_removed_takes_its_entities_along(self, home, edge):
        edge.stop()
        home.wait("sensor.home_hall_emotion", "unavailable")
        edge.start(porch="sometimes.avi")
        patiently(lambda: not [name for name in home.states() if ".home_hall_" in name], LONG)
        home.wait("sensor.home_porch_emotion", "happy")

    def test_it_finds_nothing_to_complain_of(self, home, edge):
        edge.stop()
        lines = [line for line in home.log.read_text().splitlines() if "components.mqtt" in line]
        assert [line for line in lines if NOTHING_TO_REMOVE not in line] == []
