"""Keras model to TFLite, in four variants that all take the same bytes: uint8 RGB `[n, size, size, 3]`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.lite.python.util import modify_model_io_type
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edge.errors import UserError
from edge.interpreter import open_interpreter
from edge.manifest import VARIANTS
from export.equalize import equalize
from export.graph import Graph, short_name
from export.ranges import Ranges, set_logit_range, set_ranges
from export.refine import refine
from train.model import deployable, luma_layer

REFINING_FACES = 64
"""Of the representative faces, for ranges and refinement: they look at every place of a tensor, so fewer do."""


@dataclass(frozen=True)
class Quantization:
    """How int8 is made. The defaults are what agrees best with float32; `python -m export debug` compares.

    Attributes:
        equalize: give channels equal ranges first (`export.equalize`).
        ranges: how a tensor's range is chosen (`export.ranges`).
        fine_logits: choose the logits' range by the probabilities (`export.ranges.set_logit_range`).
        per_channel: one scale for each channel of a layer's weights, or one for all.
        correct_biases: take out what quantization shifts on average (`export.refine`).
        error_feedback: round weights so that their errors cancel (`export.refine`).
        in_float: layers that stay in float, by the short names of their outputs (`export.graph.short_name`); the
            graph is then not one of integers alone.
    """

    equalize: bool = True
    ranges: Ranges = "extremes"
    fine_logits: bool = True
    per_channel: bool = True
    correct_biases: bool = True
    error_feedback: bool = True
    in_float: tuple[str, ...] = ()


PLAIN = Quantization(equalize=False, fine_logits=False, correct_biases=False, error_feedback=False)
"""Post-training quantization as TensorFlow has it, and no more."""


def convert(
    network: keras.Model, calibration: np.ndarray, quantization: Quantization | None = None
) -> dict[str, bytes]:
    """Convert a trained network.

    Args:
        network: float32 `[n, size, size, channels]` in [0, 1] to probabilities `[n, 7]`.
        calibration: uint8 RGB `[n, size, size, 3]`, the representative faces for int8.
        quantization: how int8 is made; by default as `Quantization` has it.

    Returns:
        Content of a `.tflite` file for each of `VARIANTS`. The float variants give float32 `[n, 7]`; int8 gives
        uint8 with scale 1/256, and computes in integers from the first operation to the last.
    """
    converters: dict[str, Callable[[], bytes]] = {
        "float32": lambda: convert_float(network),
        "float16": lambda: _half_precision(network),
        "dynamic": lambda: _dynamic_range(network),
        "int8": lambda: _full_integer(network, calibration, quantization or Quantization()),
    }
    return {variant: converters[variant]() for variant in VARIANTS}


def convert_float(network: keras.Model) -> bytes:
    """The float32 variant by itself."""
    return _float_converter(network).convert()


def _half_precision(network: keras.Model) -> bytes:
    converter = _float_converter(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


def _dynamic_range(network: keras.Model) -> bytes:
    converter = _float_converter(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return converter.convert()


def _full_integer(network: keras.Model, calibration: np.ndarray, quantization: Quantization) -> bytes:
    content = quantize(calibrate(network, calibration, quantization), calibration, quantization)
    if not quantization.in_float:
        _check_integer(content)
    return content


def calibrate(network: keras.Model, calibration: np.ndarray, quantization: Quantization) -> bytes:
    """A float `.tflite` file that takes float32 in [0, 1] and carries the range of every tensor: int8's first half.

    Args:
        network: as in `convert`.
        calibration: uint8 RGB `[n, size, size, 3]`.
        quantization: of it, whether to equalize.
    """
    if quantization.equalize:
        network = equalize(network, _planes(network, calibration))
    converter = _integer_converter(network, calibration)
    converter._experimental_calibrate_only = True
    return converter.convert()


def quantize(calibrated: bytes, calibration: np.ndarray, quantization: Quantization) -> bytes:
    """The int8 file of a calibrated one: int8's second half, in which nothing is trained or traced any more.

    Raises:
        UserError: there is no layer of a name in `in_float`.
    """
    ranged = set_ranges(calibrated, calibration[:REFINING_FACES], quantization.ranges)
    if quantization.fine_logits:
        ranged = set_logit_range(ranged, calibration)
    inner = mlir_quantize(
        ranged,
        disable_per_channel=not quantization.per_channel,
        denylisted_nodes=_outputs(ranged, quantization.in_float) or None,
    )
    content = modify_model_io_type(inner, tf.uint8, tf.uint8)
    biases, feedback = quantization.correct_biases, quantization.error_feedback
    if not (biases or feedback):
        return content
    return refine(content, ranged, calibration[:REFINING_FACES], biases=biases, feedback=feedback)


def _outputs(content: bytes, layers: Sequence[str]) -> list[str]:
    """The full names of the tensors that the layers of these short names give."""
    graph = Graph(content)
    names = [graph.name(operator.output) for operator in graph.operators()]
    if unknown := set(layers) - set(map(short_name, names)):
        raise UserError(f"no layer '{min(unknown)}' to leave in float", "see their names by 'make debug'")
    return [name for name in names if short_name(name) in layers]


def _integer_converter(network: keras.Model, calibration: np.ndarray) -> tf.lite.TFLiteConverter:
    converter = _converter(_unit_range_model(network), tf.float32)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([face[None]] for face in _spanning(calibration))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return converter


def wide_activations(network: keras.Model, calibration: np.ndarray) -> bytes:
    """16-bit activations and 8-bit weights, float32 in [0, 1] to float32: what is left is the weights' error.

    Few boards run it faster than float, so it is here to compare with.
    """
    converter = _integer_converter(network, calibration)
    wide = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"
    converter.target_spec.supported_ops = [tf.lite.OpsSet[wide]]
    return converter.convert()


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
