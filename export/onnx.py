"""Write the network as ONNX, with calibration faces, for the compilers of accelerator vendors."""

from pathlib import Path

import keras
import numpy as np

from edge.base.errors import UserError
from edge.base.files import whole_folder, writing
from train.model import deployable
from train.model_loader import predict_keras

ONNX_FILE, CALIBRATION_FILE = "model.onnx", "calibration.npy"


def check_installed() -> None:
    """Check that the packages of the extra `onnx` are installed.

    Raises:
        UserError: one is missing.
    """
    try:
        import onnxruntime  # noqa: F401
        import tf2onnx  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"ONNX needs the package {error.name}", "run 'make export ARGS=--onnx', which installs it"
        ) from error


def write_onnx(folder: Path, network: keras.Model, faces: np.ndarray) -> None:
    """Write `model.onnx` and `calibration.npy`, together or not at all.

    The model takes one face as compilers expect it, float32 `[1, 3, size, size]`, RGB, raw pixels from 0 to 255.

    Args:
        folder: of the files; earlier files are replaced.
        network: with one head, as `export.convert.convert` takes it.
        faces: the representative faces, uint8 RGB `[n, size, size, 3]`, written as they are.

    Raises:
        UserError: the ONNX model gives other labels than the network, or the files cannot be written.
    """
    with writing(folder), whole_folder(folder) as new:
        model = planar(network)
        pixels = keras.InputSpec(shape=(1, *model.input_shape[1:]), dtype="float32", name="pixels")
        model.export(new / ONNX_FILE, format="onnx", input_signature=[pixels], verbose=False)
        np.save(new / CALIBRATION_FILE, faces)
        labels = predict_onnx(new / ONNX_FILE, faces).argmax(axis=1)
        others = int((labels != predict_keras(deployable(network), faces).argmax(axis=1)).sum())
        if others:
            raise UserError(
                f"the ONNX model gives other labels to {others} of {len(faces)} faces", "export without --onnx"
            )


def planar(network: keras.Model) -> keras.Model:
    """Wrap a network to take raw pixels plane by plane, the order of ONNX: float32 `[n, 3, size, size]`."""
    deployed = deployable(network)
    planes = keras.Input((3, *deployed.input_shape[1:3]), name="pixels")
    x = keras.layers.Permute((2, 3, 1))(planes)
    for layer in deployed.layers[1:]:
        x = layer(x)
    return keras.Model(planes, x)


def predict_onnx(file: Path, faces: np.ndarray) -> np.ndarray:
    """Predict float32 `[n, 7]` with ONNX Runtime, face by face."""
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    planes = faces.transpose(0, 3, 1, 2).astype(np.float32)
    return np.concatenate([session.run(None, {"pixels": face[None]})[0] for face in planes])
