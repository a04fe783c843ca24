"""Switch a GPIO pin on a trigger."""

import threading

import gpiozero

from edge.base.errors import UserError
from edge.base.settings import Pin
from edge.outputs.rules.conditions import Trigger


class SwitchPin:
    """Switches a pin on for some time. It is off otherwise, also after the run."""

    kind, pictures = "gpio", False

    def __init__(self, number: int, pin: Pin) -> None:
        """Take the pin.

        Raises:
            UserError: this machine has no such pin, or somebody else uses it.
        """
        self._seconds = pin.seconds
        try:
            self._device = gpiozero.DigitalOutputDevice(number)
        except (gpiozero.GPIOZeroError, OSError) as error:
            raise UserError(f"GPIO {number}: cannot be used ({error})", "name another pin, or leave it out") from error

    def run(self, trigger: Trigger, stop: threading.Event) -> None:
        self._device.on()
        try:
            stop.wait(self._seconds)
        finally:
            self._device.off()

    def close(self) -> None:
        self._device.close()
