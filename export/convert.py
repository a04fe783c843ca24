"""Keras model to TFLite, in four variants that all take the same bytes: uint8 RGB `[n, size, size, 3]`."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edge.bundle import VARIANTS
from edge.interpreter import open_interpreter
from export.equalize import equalize
from train.model import deployable, luma_layer


def convert(network: keras.Model, calibration: np.ndarray) -> dict[str, bytes]:
    """Convert a trained network.

    Args:
        network: float32 `[n, size, size, channels]` in [0, 1] to probabilities `[n, 7]`.
        calibration: uint8 RGB `[n, size, size, 3]`, the representative faces for int8.

    Returns:
        Content of a `.tflite` file for each of `VARIANTS`. The float variants give float32 `[n, 7]`; int8 gives
        uint8 with scale 1/256, and computes in integers from the first operation to the last.
    """
    converters: dict[str, Callable[[], bytes]] = {
        "float32": lambda: _float_converter(network).convert(),
        "float16": lambda: _half_precision(network),
        "dynamic": lambda: _dynamic_range(network),
        "int8": lambda: _full_integer(network, calibration),
    }
    return {variant: converters[variant]() for variant in VARIANTS}


def _half_precision(network: keras.Model) -> bytes:
    converter = _float_converter(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def _dynamic_range(network: keras.Model) -> bytes:
    converter = _float_converter(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


def _full_integer(network: keras.Model, calibration: np.ndarray) -> bytes:
    equalized = equalize(network, _planes(network, calibration))
    converter = _converter(_unit_range_model(equalized), tf.float32)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([face[None]] for face in _spanning(calibration))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    content = converter.convert()
    _check_integer(content)
    return content


def _planes(network: keras.Model, faces: np.ndarray) -> np.ndarray:
    """Faces, uint8 RGB, as the network's own input: float32 in [0, 1], grey where it is one plane deep."""
    unit = faces.astype(np.float32) / 255
    return luma_layer()(unit).numpy() if network.input_shape[3] == 1 else unit


def _unit_range_model(network: keras.Model) -> keras.Model:
    """The deployable model less its division by 255: in int8 that is the scale of the input."""
    size, channels = network.input_shape[1], network.input_shape[3]
    faces = keras.Input((size, size, 3), name="faces")
    return keras.Model(faces, network(luma_layer()(faces) if channels == 1 else faces))


def _spanning(calibration: np.ndarray) -> np.ndarray:
    """The faces as float32 in [0, 1], the first with a black and a white pixel, so that the input's range is exact."""
    faces = calibration.astype(np.float32) / 255
    faces[0, 0, 0], faces[0, 0, 1] = 0.0, 1.0
    return faces


def _float_converter(network: keras.Model) -> tf.lite.TFLiteConverter:
    return _converter(deployable(network), tf.uint8)


def _converter(model: keras.Model, dtype: tf.DType) -> tf.lite.TFLiteConverter:
    """A converter of the model as one function of constants; variables would survive into the graph."""
    signature = [tf.TensorSpec([None, *model.input_shape[1:]], dtype, name="pixels")]
    function = tf.function(lambda pixels: model(pixels, training=False), input_signature=signature)
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    return tf.lite.TFLiteConverter.from_concrete_functions([frozen])


def _check_integer(content: bytes) -> None:
    """The int8 graph must be one that an integer-only accelerator can take, from raw pixels to probabilities."""
    interpreter = open_interpreter(content, 1)
    pixels, probabilities = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    np.testing.assert_allclose(pixels["quantization"], (1 / 255, 0), rtol=1e-5)
    np.testing.assert_allclose(probabilities["quantization"], (1 / 256, 0))
    floats = [t["name"] for t in interpreter.get_tensor_details() if np.issubdtype(t["dtype"], np.floating)]
    assert not floats, f"the int8 graph computes {floats[0]} in float"
