"""Keras model to TFLite, in four variants that all take the same bytes: uint8 RGB `[1, size, size, 3]`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.lite.python.util import modify_model_io_type
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from edge.base.errors import UserError
from edge.base.settings import VARIANTS
from edge.model.interpreter import open_interpreter
from export.cross_layer_equalization import equalize_cross_layer
from export.graph import Graph, short_name
from export.layer_correction import correct_layers
from export.ranges import Ranges, set_logit_range, set_ranges
from train.model import deployable, luma_layer

CORRECTION_FACES = 64
"""Number of representative faces for ranges and corrections, which use every value of a tensor."""


@dataclass(frozen=True)
class Quantization:
    """Settings of int8 quantization. The defaults agree best with float32; `python -m export debug` compares them.

    Attributes:
        cross_layer_equalization: equalize channel ranges first (`export.cross_layer_equalization`).
        ranges: method by which a tensor's range is chosen (`export.ranges`).
        fine_logits: choose the logits' range by the probabilities (`export.ranges.set_logit_range`).
        per_channel: one scale per output channel of a layer's weights, or one for all.
        bias_correction: correct the mean shift of each channel (`export.bias_correction`).
        weight_rounding: round weights so that their errors cancel (`export.weight_rounding`).
        in_float: layers that stay in float, by the short names of their outputs (`export.graph.short_name`); the graph
            is then not integer-only.
    """

    cross_layer_equalization: bool = True
    ranges: Ranges = "minmax"
    fine_logits: bool = True
    per_channel: bool = True
    bias_correction: bool = True
    weight_rounding: bool = True
    in_float: tuple[str, ...] = ()


PLAIN = Quantization(cross_layer_equalization=False, fine_logits=False, bias_correction=False, weight_rounding=False)
"""TensorFlow's post-training quantization without corrections."""


def convert(
    network: keras.Model, calibration: np.ndarray, quantization: Quantization | None = None
) -> dict[str, bytes]:
    """Convert a trained network.

    Args:
        network: float32 `[n, size, size, channels]` in [0, 1] to probabilities `[n, classes]`.
        calibration: uint8 RGB `[n, size, size, 3]`, the representative faces for int8.
        quantization: settings of int8; the defaults if None.

    Returns:
        Content of a `.tflite` file for each of `VARIANTS`. The float variants give float32 `[n, classes]`; int8 gives
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
    """Convert to the float32 variant only."""
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
    """Convert to a float `.tflite` file that holds the range of every tensor: the first half of int8.

    Args:
        network: as in `convert`.
        calibration: uint8 RGB `[n, size, size, 3]`.
        quantization: `cross_layer_equalization` is used.
    """
    if quantization.cross_layer_equalization:
        network = equalize_cross_layer(network, _planes(network, calibration))
    converter = _integer_converter(network, calibration)
    converter._experimental_calibrate_only = True  # noqa: SLF001 TensorFlow has no public name for it
    return converter.convert()


def quantize(calibrated: bytes, calibration: np.ndarray, quantization: Quantization) -> bytes:
    """Quantize a calibrated file: the second half of int8, without TensorFlow tracing.

    Raises:
        UserError: `in_float` names a layer that does not exist.
    """
    ranged = set_ranges(calibrated, calibration[:CORRECTION_FACES], quantization.ranges)
    if quantization.fine_logits:
        ranged = set_logit_range(ranged, calibration)
    inner = mlir_quantize(
        ranged,
        disable_per_channel=not quantization.per_channel,
        denylisted_nodes=_outputs(ranged, quantization.in_float) or None,
    )
    content = modify_model_io_type(inner, tf.uint8, tf.uint8)
    if not (quantization.bias_correction or quantization.weight_rounding):
        return content
    return correct_layers(
        content,
        ranged,
        calibration[:CORRECTION_FACES],
        bias_correction=quantization.bias_correction,
        weight_rounding=quantization.weight_rounding,
    )


def _outputs(content: bytes, layers: Sequence[str]) -> list[str]:
    """Return the full names of the layers' output tensors by the layers' short names."""
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
    """Convert to 16-bit activations and 8-bit weights, which leaves only the weights' error.

    Few boards run it faster than float; it serves for comparison.
    """
    converter = _integer_converter(network, calibration)
    wide = "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"
    converter.target_spec.supported_ops = [tf.lite.OpsSet[wide]]
    return converter.convert()


def _planes(network: keras.Model, faces: np.ndarray) -> np.ndarray:
    """Convert uint8 RGB faces to the network's input: float32 in [0, 1], grey where it has one channel."""
    unit = faces.astype(np.float32) / 255
    return luma_layer()(unit).numpy() if network.input_shape[3] == 1 else unit


def _unit_range_model(network: keras.Model) -> keras.Model:
    """Return the deployable model without its division by 255, which is the input's scale in int8."""
    size, channels = network.input_shape[1], network.input_shape[3]
    faces = keras.Input((size, size, 3), name="faces")
    return keras.Model(faces, network(luma_layer()(faces) if channels == 1 else faces))


def _spanning(calibration: np.ndarray) -> np.ndarray:
    """Convert to float32 in [0, 1]; a black and a white pixel in the first face make the input's range exact."""
    faces = calibration.astype(np.float32) / 255
    faces[0, 0, 0], faces[0, 0, 1] = 0.0, 1.0
    return faces


def _float_converter(network: keras.Model) -> tf.lite.TFLiteConverter:
    return _converter(deployable(network), tf.uint8)


def _converter(model: keras.Model, dtype: tf.DType) -> tf.lite.TFLiteConverter:
    """Make a converter of the model as one function of constants, for one face; variables would end up in the graph."""
    signature = [tf.TensorSpec([1, *model.input_shape[1:]], dtype, name="pixels")]
    function = tf.function(lambda pixels: model(pixels, training=False), input_signature=signature)
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    return tf.lite.TFLiteConverter.from_concrete_functions([frozen])


def _check_integer(content: bytes) -> None:
    """Check that an integer-only accelerator can run the graph from raw pixels to probabilities."""
    interpreter = open_interpreter(content, 1)
    pixels, probabilities = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    np.testing.assert_allclose(pixels["quantization"], (1 / 255, 0), rtol=1e-5)
    np.testing.assert_allclose(probabilities["quantization"], (1 / 256, 0))
    floats = [t["name"] for t in interpreter.get_tensor_details() if np.issubdtype(t["dtype"], np.floating)]
    assert not floats, f"the int8 graph computes {floats[0]} in float"
