"""GPIO pins, on gpiozero's mock pins."""

import threading

import pytest

pytest.importorskip("gpiozero", reason="the extra 'gpio' is not installed")

from gpiozero import Device
from gpiozero.pins.mock import MockFactory

from edge.base.errors import UserError
from edge.base.settings import Pin
from edge.outputs.rules.conditions import Trigger
from edge.outputs.rules.gpio import SwitchPin

from ...patience import LONG, patiently

TRIGGER = Trigger("door", "face_appeared", 1000.0, "porch")


@pytest.fixture
def pins(monkeypatch):
    factory = MockFactory()
    monkeypatch.setattr(Device, "pin_factory", factory)
    yield factory
    factory.reset()


def test_a_pin_is_on_for_its_time(pins):
    action = SwitchPin(17, Pin(17, seconds=0.0))
    pin = pins.pin(17)
    pin.clear_states()
    action.run(TRIGGER, threading.Event())
    assert [state.state for state in pin.states] == [False, True, False]
    action.close()
    SwitchPin(17, Pin(17)).close()


def test_the_end_of_the_run_switches_it_off(pins):
    action, stop = SwitchPin(17, Pin(17, seconds=LONG)), threading.Event()
    thread = threading.Thread(target=action.run, args=(TRIGGER, stop))
    thread.start()
    patiently(lambda: pins.pin(17).state)
    stop.set()
    thread.join(LONG)
    assert not pins.pin(17).state
    action.close()


def test_a_pin_that_cannot_be_had_is_told(pins):
    taken = SwitchPin(17, Pin(17))
    with pytest.raises(UserError, match="GPIO 17: cannot be used"):
        SwitchPin(17, Pin(17))
    taken.close()


def test_a_machine_without_pins_is_told(monkeypatch):
    monkeypatch.setattr(Device, "pin_factory", None)
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "nowhere")
    with pytest.raises(UserError, match="GPIO 17: cannot be used"):
        SwitchPin(17, Pin(17))
