"""Devices and processes that train together.

With the JAX backend a run uses all accelerators of its machine. Several machines, each with a process, are joined by
Keras's environment variables `KERAS_DISTRIBUTION_JOB_ADDRESSES`, `KERAS_DISTRIBUTION_NUM_PROCESSES` and
`KERAS_DISTRIBUTION_PROCESS_ID`.
"""

import os

import keras

from edge.base.errors import UserError

JOB_ADDRESSES, NUM_PROCESSES, PROCESS_ID = (
    f"KERAS_DISTRIBUTION_{name}" for name in ("JOB_ADDRESSES", "NUM_PROCESSES", "PROCESS_ID")
)


def use_all() -> None:
    """Join the other processes, if there are any, and train on all devices together; call it before anything else.

    Raises:
        UserError: a variable is missing or no number, or the backend cannot do it.
    """
    if NUM_PROCESSES in os.environ:
        _check_environment()
        keras.distribution.initialize()
    if keras.backend.backend() == "jax" and len(keras.distribution.list_devices()) > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))


def count() -> int:
    """Return the number of devices that share a batch."""
    distribution = keras.distribution.distribution()
    return distribution.device_mesh.devices.size if distribution else 1


def processes() -> int:
    """Return the number of processes that train together."""
    return int(os.environ.get(NUM_PROCESSES, 1)) if keras.distribution.distribution() else 1


def process() -> int:
    """Return the number of this process, from zero; process 0 writes the run's files."""
    return int(os.environ.get(PROCESS_ID, 0)) if keras.distribution.distribution() else 0


def accelerated() -> bool:
    """Return True if there is another device than the CPU."""
    return any(not str(device).startswith("cpu") for device in keras.distribution.list_devices())


def _check_environment() -> None:
    if keras.backend.backend() != "jax":
        raise UserError(
            f"several processes need the JAX backend, not {keras.backend.backend()}", "set KERAS_BACKEND=jax"
        )
    for name in (NUM_PROCESSES, PROCESS_ID):
        if not os.environ.get(name, "").isdigit():
            raise UserError(f"{name} = {os.environ.get(name, '')!r} is not a number", "see docs/training.md")
    if not os.environ.get(JOB_ADDRESSES):
        raise UserError(f"{JOB_ADDRESSES} is not set", "set it to host:port of process 0")
