"""Cross-layer equalization before per-tensor quantization (arXiv 1906.04721, here by measured ranges).

An int8 tensor has one scale for all channels: where one reaches 6 and another 0.1, the second has only four steps.
Scaling a channel up where it is produced and down where it is consumed changes nothing in float and gives every channel
the full range. With a ReLU6 in between, the channel must stay below 6.
"""

from dataclasses import dataclass

import keras
import numpy as np

from train.mobilenet import STEM, TOP
from train.model import head_layers

CEILING = 5.4
"""Maximum of a scaled channel before a ReLU6; the rest to 6 is a margin for other faces."""

_BATCH = 32

MAX_SCALE = 64.0
"""Maximum scale, for channels that are hardly ever active."""


@dataclass(frozen=True)
class Coupling:
    """A tensor and the layers around it, by name.

    Attributes:
        producers: convolutions whose channels are scaled.
        measured: layers whose outputs show the range; more than one where blocks add to one stream.
        consumers: convolutions or a dense layer that take it in, perhaps through a pooling.
        clipped: True if a ReLU6 lies between.
    """

    producers: tuple[str, ...]
    measured: tuple[str, ...]
    consumers: tuple[str, ...]
    clipped: bool


def equalize_cross_layer(network: keras.Model, faces: np.ndarray) -> keras.Model:
    """Copy a network and equalize the channel ranges of the copy; its outputs stay the same.

    Args:
        network: with one head and no normalization, as `train.model.deployable` wraps it.
        faces: float32 `[n, size, size, channels]` in [0, 1], by which ranges are measured.
    """
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    backbone, (head,) = copy.get_layer("backbone"), head_layers(copy)
    first_dense = next(layer.name for layer in head.layers if isinstance(layer, keras.layers.Dense))
    couplings = _couplings(backbone, first_dense)
    peaks = _peaks(copy, sorted({name for coupling in couplings for name in coupling.measured}), faces)
    layers = {layer.name: layer for layer in [*backbone.layers, *head.layers]}
    for coupling in couplings:
        scale = channel_scale(np.max([peaks[name] for name in coupling.measured], axis=0), coupling.clipped)
        for name in coupling.producers:
            _multiply_output(layers[name], scale)
        for name in coupling.consumers:
            _divide_input(layers[name], scale)
    return copy


def _couplings(backbone: keras.Model, first_dense: str) -> list[Coupling]:
    """Return all couplings of a backbone that `train.mobilenet.build_backbone` built without normalization."""
    names = [layer.name for layer in backbone.layers]
    depthwise = [name for name in names if name.endswith("_depthwise")]
    couplings = [Coupling((TOP,), (f"{TOP}_relu",), (first_dense,), clipped=True)]
    for name in depthwise:
        block = name.removesuffix("_depthwise")
        before = f"{block}_expand" if f"{block}_expand" in names else STEM
        couplings.append(Coupling((before,), (f"{before}_relu",), (name,), clipped=True))
        couplings.append(Coupling((name,), (f"{name}_relu",), (f"{block}_project",), clipped=True))
    blocks = [name.removesuffix("_depthwise") for name in depthwise]
    return couplings + [_stream_coupling(stream, after) for stream, after in _streams(blocks, set(names))]


def _streams(blocks: list[str], names: set[str]) -> list[tuple[list[str], str]]:
    """Group the blocks that add to one residual stream, each with the convolution that consumes the stream."""
    streams: list[list[str]] = []
    for block in blocks:
        if f"{block}_add" in names:
            streams[-1].append(block)
        else:
            streams.append([block])
    after = [f"{stream[0]}_expand" for stream in streams[1:]] + [TOP]
    return list(zip(streams, after, strict=True))


def _stream_coupling(stream: list[str], after: str) -> Coupling:
    producers = tuple(f"{block}_project" for block in stream)
    sums = tuple(f"{block}_add" for block in stream[1:])
    return Coupling(producers, producers + sums, (*(f"{block}_expand" for block in stream[1:]), after), clipped=False)


def _peaks(network: keras.Model, names: list[str], faces: np.ndarray) -> dict[str, np.ndarray]:
    """Measure the maximum magnitude of each channel at the outputs of named layers of the backbone."""
    backbone = network.get_layer("backbone")
    first = network.layers[1]
    inputs = faces if first is backbone else first(faces).numpy()  # the resizing, if there is one
    probe = keras.Model(backbone.inputs, [backbone.get_layer(name).output for name in names])
    # Batch by batch: all feature maps of all faces would take gigabytes.
    batches = (probe.predict_on_batch(inputs[at : at + _BATCH]) for at in range(0, len(inputs), _BATCH))
    peaks = [[np.abs(values).max(axis=(0, 1, 2)) for values in outputs] for outputs in batches]
    return {name: np.max(found, axis=0) for name, found in zip(names, zip(*peaks, strict=True), strict=True)}


def channel_scale(peaks: np.ndarray, clipped: bool) -> np.ndarray:
    """Return a scale per channel. A clipped channel is never scaled down: its clipping at 6 is part of the model."""
    goal = CEILING if clipped else peaks.max()
    return np.clip(goal / np.maximum(peaks, 1e-6), 1.0, MAX_SCALE)


def _multiply_output(layer: keras.layers.Layer, scale: np.ndarray) -> None:
    kernel, bias = layer.get_weights()
    by_output = scale[:, None] if isinstance(layer, keras.layers.DepthwiseConv2D) else scale
    layer.set_weights([kernel * by_output, bias * scale])


def _divide_input(layer: keras.layers.Layer, scale: np.ndarray) -> None:
    kernel, *bias = layer.get_weights()
    by_input = scale[:, None]  # [in, out] of a dense layer, and the last two axes of every convolution
    layer.set_weights([kernel / by_input, *bias])
