"""Devices that train together: with the JAX backend, all accelerators of the machine."""

import keras


def use_all() -> None:
    """Train on all devices together; call it before anything else."""
    if keras.backend.backend() == "jax" and len(keras.distribution.list_devices()) > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel(auto_shard_dataset=False))


def count() -> int:
    """Return the number of devices that share a batch."""
    distribution = keras.distribution.distribution()
    return distribution.device_mesh.devices.size if distribution else 1


def accelerated() -> bool:
    """Return True if there is another device than the CPU."""
    return any(not str(device).startswith("cpu") for device in keras.distribution.list_devices())
