"""Makes channels of equal range before they are quantized with one scale (arXiv 1906.04721, here by measured ranges).

An int8 tensor has one scale for all its channels: where one reaches 6 and another 0.1, the second keeps a handful of
steps. Multiplying a channel where it is made and dividing by the same number where it is read changes nothing in float,
and gives every channel its share of the steps. A ReLU6 in between allows it as long as the channel stays below 6.
"""

from dataclasses import dataclass

import keras
import numpy as np

from train.mobilenet import STEM, TOP
from train.model import head_layers

CEILING = 5.4
"""Channels before a ReLU6 are raised to here: the rest to 6 is room for faces that were not measured."""

_BATCH = 32

MOST = 64.0
"""Largest factor, for channels that hardly ever answer."""


@dataclass(frozen=True)
class Seam:
    """A tensor between layers, by their names.

    Attributes:
        makers: convolutions whose channels are scaled.
        measured: layers whose outputs show the range; more than one where blocks add to one stream.
        readers: convolutions or a dense layer that take it in, perhaps through a pooling.
        clipped: whether a ReLU6 lies between.
    """

    makers: tuple[str, ...]
    measured: tuple[str, ...]
    readers: tuple[str, ...]
    clipped: bool


def equalize(network: keras.Model, faces: np.ndarray) -> keras.Model:
    """A copy of the network with the same answers, whose channels fill their tensors' ranges.

    Args:
        network: with one head and no normalization, as `train.model.deployable` wraps it.
        faces: float32 `[n, size, size, channels]` in [0, 1], by which ranges are measured.
    """
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    backbone, (head,) = copy.get_layer("backbone"), head_layers(copy)
    first_dense = next(layer.name for layer in head.layers if isinstance(layer, keras.layers.Dense))
    seams = _seams(backbone, first_dense)
    peaks = _peaks(copy, sorted({name for seam in seams for name in seam.measured}), faces)
    layers = {layer.name: layer for layer in [*backbone.layers, *head.layers]}
    for seam in seams:
        scale = _scale(np.max([peaks[name] for name in seam.measured], axis=0), seam.clipped)
        for name in seam.makers:
            _multiply_output(layers[name], scale)
        for name in seam.readers:
            _divide_input(layers[name], scale)
    return copy


def _seams(backbone: keras.Model, first_dense: str) -> list[Seam]:
    """All seams of a backbone that `train.mobilenet.build_backbone` built without normalization."""
    names = [layer.name for layer in backbone.layers]
    depthwise = [name for name in names if name.endswith("_depthwise")]
    seams = [Seam((TOP,), (f"{TOP}_relu",), (first_dense,), clipped=True)]
    for name in depthwise:
        block = name.removesuffix("_depthwise")
        before = f"{block}_expand" if f"{block}_expand" in names else STEM
        seams.append(Seam((before,), (f"{before}_relu",), (name,), clipped=True))
        seams.append(Seam((name,), (f"{name}_relu",), (f"{block}_project",), clipped=True))
    blocks = [name.removesuffix("_depthwise") for name in depthwise]
    return seams + [_stream_seam(stream, after) for stream, after in _streams(blocks, set(names))]


def _streams(blocks: list[str], names: set[str]) -> list[tuple[list[str], str]]:
    """Blocks that add to one residual stream, each with the convolution that reads the stream after them."""
    streams: list[list[str]] = []
    for block in blocks:
        if f"{block}_add" in names:
            streams[-1].append(block)
        else:
            streams.append([block])
    after = [f"{stream[0]}_expand" for stream in streams[1:]] + [TOP]
    return list(zip(streams, after, strict=True))


def _stream_seam(stream: list[str], after: str) -> Seam:
    makers = tuple(f"{block}_project" for block in stream)
    sums = tuple(f"{block}_add" for block in stream[1:])
    return Seam(makers, makers + sums, (*(f"{block}_expand" for block in stream[1:]), after), clipped=False)


def _peaks(network: keras.Model, names: list[str], faces: np.ndarray) -> dict[str, np.ndarray]:
    """Largest magnitude of each channel at the output of the named layers of the backbone."""
    backbone = network.get_layer("backbone")
    first = network.layers[1]
    inputs = faces if first is backbone else first(faces).numpy()  # the resizing, where there is one
    probe = keras.Model(backbone.inputs, [backbone.get_layer(name).output for name in names])
    # Batch by batch: all feature maps of all faces would take gigabytes.
    batches = (probe.predict_on_batch(inputs[at : at + _BATCH]) for at in range(0, len(inputs), _BATCH))
    peaks = [[np.abs(values).max(axis=(0, 1, 2)) for values in outputs] for outputs in batches]
    return {name: np.max(found, axis=0) for name, found in zip(names, zip(*peaks, strict=True), strict=True)}


def _scale(peaks: np.ndarray, clipped: bool) -> np.ndarray:
    """Factor a channel. A clipped channel is raised, never lowered: at 6 its clipping is part of the model."""
    goal = CEILING if clipped else peaks.max()
    return np.clip(goal / np.maximum(peaks, 1e-6), 1.0, MOST)


def _multiply_output(layer: keras.layers.Layer, scale: np.ndarray) -> None:
    kernel, bias = layer.get_weights()
    by_output = scale[:, None] if isinstance(layer, keras.layers.DepthwiseConv2D) else scale
    layer.set_weights([kernel * by_output, bias * scale])


def _divide_input(layer: keras.layers.Layer, scale: np.ndarray) -> None:
    kernel, *bias = layer.get_weights()
    by_input = scale[:, None]  # [in, out] of a dense layer, and the last two axes of every convolution
    layer.set_weights([kernel / by_input, *bias])
