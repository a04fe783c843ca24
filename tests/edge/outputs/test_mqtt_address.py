"""Addresses of brokers."""

import pytest

from edge.base.errors import UserError
from edge.outputs.mqtt_address import Broker, parse_broker


@pytest.mark.parametrize(
    ("address", "broker"),
    [
        pytest.param("mqtt://pi", Broker("pi", 1883, False, "emotion-edge/attic"), id="the least"),
        pytest.param("mqtts://pi", Broker("pi", 8883, True, "emotion-edge/attic"), id="encrypted"),
        pytest.param("mqtt://10.0.0.1:1884/home/hall/", Broker("10.0.0.1", 1884, False, "home/hall"), id="all"),
        pytest.param("mqtts://[::1]:9/x", Broker("::1", 9, True, "x"), id="IPv6"),
    ],
)
def test_addresses(monkeypatch, address, broker):
    monkeypatch.setattr("socket.gethostname", lambda: "attic")
    assert parse_broker(address) == broker


@pytest.mark.parametrize(
    "address",
    [
        *("pi", "http://pi", "mqtt://", "mqtt:///x", "mqtt://pi:port", "mqtt://pi:70000", "mqtt://a..b"),
        *("mqtt://pi/#", "mqtt://pi#x", "mqtt://pi/a/+/b", "mqtt://pi/a?b=c"),
        *("mqtt://me:secret@pi", "me:secret@pi", "mqtt://me:se/cret@pi"),
    ],
)
def test_other_addresses_are_refused_and_no_password_is_repeated(address):
    with pytest.raises(UserError) as caught:
        parse_broker(address)
    assert "cret" not in str(caught.value)
