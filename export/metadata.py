"""Short tensor names and standard TFLite metadata of a `.tflite` file.

With the metadata, other clients, such as MediaPipe Tasks, run the files unmodified. The format: a flatbuffer by
TensorFlow's `metadata_schema.fbs` in a buffer of the model that is called TFLITE_METADATA, and the files that it names
in a zip archive behind the model's last byte.
"""

import io
import zipfile
from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as tflite
from mediapipe.tasks.metadata import metadata_schema_py_generated as schema

from export.graph import packed, short_name

BUFFER = b"TFLITE_METADATA"
LABELS = "labels.txt"
OLDEST_PARSER = "1.0.0"
"""Oldest version of the format with all fields that are used here: the first."""


def with_metadata(content: bytes, classes: Sequence[str]) -> bytes:
    """Add the labels and the input's normalization (none: raw pixels) to a `.tflite` file.

    Its tensors get short names: those of TensorFlow are a thirtieth of a small model's file.
    """
    model = tflite.ModelT.InitFromObj(tflite.Model.GetRootAs(content, 0))
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensor.name = short_name(tensor.name.decode()).encode()
    entry = tflite.MetadataT()
    entry.name, entry.buffer = BUFFER, len(model.buffers)
    model.metadata = [m for m in model.metadata or [] if m.name != BUFFER] + [entry]
    buffer = tflite.BufferT()
    buffer.data = np.frombuffer(packed(_description(), b"M001"), np.uint8)
    model.buffers.append(buffer)
    return packed(model) + _archive({LABELS: "\n".join(classes) + "\n"})


def _description() -> schema.ModelMetadataT:
    graph = schema.SubGraphMetadataT()
    graph.inputTensorMetadata, graph.outputTensorMetadata = [_pixels()], [_probabilities()]
    description = schema.ModelMetadataT()
    description.name = "emotion-edge"
    description.description = "Facial expression of one face: a probability for each class."
    description.subgraphMetadata = [graph]
    description.minParserVersion = OLDEST_PARSER
    return description


def _pixels() -> schema.TensorMetadataT:
    image = schema.ImagePropertiesT()
    image.colorSpace = schema.ColorSpaceType.RGB
    options = schema.NormalizationOptionsT()
    options.mean, options.std = [0.0], [1.0]
    normalization = schema.ProcessUnitT()
    normalization.optionsType, normalization.options = schema.ProcessUnitOptions.NormalizationOptions, options
    tensor = _tensor("pixels", "A face, upright, RGB.", schema.ContentProperties.ImageProperties, image)
    tensor.processUnits = [normalization]
    tensor.stats = _range(0, 255)
    return tensor


def _probabilities() -> schema.TensorMetadataT:
    feature = schema.ContentProperties.FeatureProperties
    tensor = _tensor("probabilities", "One for each label.", feature, schema.FeaturePropertiesT())
    labels = schema.AssociatedFileT()
    labels.name, labels.type = LABELS, schema.AssociatedFileType.TENSOR_AXIS_LABELS
    tensor.associatedFiles = [labels]
    tensor.stats = _range(0, 1)
    return tensor


def _tensor(name: str, description: str, kind: int, properties: object) -> schema.TensorMetadataT:
    tensor = schema.TensorMetadataT()
    tensor.name, tensor.description = name, description
    tensor.content = schema.ContentT()
    tensor.content.contentPropertiesType, tensor.content.contentProperties = kind, properties
    return tensor


def _range(low: float, high: float) -> schema.StatsT:
    stats = schema.StatsT()
    stats.min, stats.max = [float(low)], [float(high)]
    return stats


def _archive(files: dict[str, str]) -> bytes:
    """Return a zip of the files; the same files give the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return stream.getvalue()
