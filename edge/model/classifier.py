"""Run the emotion model on face crops."""

import numpy as np

from edge.base.classes import MIN_CLASSES
from edge.base.errors import UserError
from edge.model.bundle import Bundle
from edge.model.interpreter import first_line, open_interpreter


class EmotionClassifier:
    """A TFLite model from face crops to probabilities; for one thread.

    Attributes:
        input_size: side of the face crops, pixels.
        classes: number of probabilities.
    """

    def __init__(self, model: bytes, threads: int = 1) -> None:
        """Open a model.

        Args:
            model: content of a `.tflite` file that keeps this package's contract.
            threads: threads of one inference.

        Raises:
            UserError: the runtime cannot run it, or its input or output is not the contract's.
        """
        self._interpreter = open_interpreter(model, threads)
        try:
            self._input = self._interpreter.get_input_details()[0]
            self._output = self._interpreter.get_output_details()[0]
        except (ValueError, IndexError) as error:
            raise UserError("the model has no input or no output", "export it by 'make export'") from error
        _check_contract(self._input, self._output)
        self.input_size = int(self._input["shape"][1])
        self.classes = int(self._output["shape"][-1])

    @classmethod
    def from_bundle(cls, bundle: Bundle, threads: int = 1) -> "EmotionClassifier":
        """Open a bundle's model.

        Raises:
            UserError: as in the constructor, or the model's size or number of classes is not the manifest's.
        """
        try:
            classifier = cls(bundle.model, threads)
        except UserError as error:
            raise UserError(f"{bundle.folder}, {bundle.variant}: {error.problem}", error.remedy) from error
        if classifier.input_size != bundle.input_size:
            raise UserError(
                f"{bundle.folder}: the model takes {classifier.input_size} pixels, the manifest {bundle.input_size}",
                "export it again",
            )
        if classifier.classes != len(bundle.classes):
            raise UserError(
                f"{bundle.folder}: the model has {classifier.classes} classes, the manifest {len(bundle.classes)}",
                "export it again",
            )
        return classifier

    def classify(self, faces: np.ndarray) -> np.ndarray:
        """Return the probabilities of the classes.

        Args:
            faces: uint8 RGB `[n, size, size, 3]`, raw pixels.

        Returns:
            float32 `[n, classes]`.

        Raises:
            UserError: the runtime cannot run the model.
        """
        results = np.empty((len(faces), self.classes), np.float32)
        try:
            for i in range(len(faces)):
                self._interpreter.set_tensor(self._input["index"], faces[i : i + 1])
                self._interpreter.invoke()
                results[i] = dequantize(self._interpreter.get_tensor(self._output["index"])[0], self._output)
        except (ValueError, RuntimeError, IndexError) as error:  # ValueError if the output is empty
            raise UserError(f"the model cannot be run ({first_line(error)})", "export it again") from error
        return results

    def blank(self) -> None:
        """Overwrite the last face, and what the runtime keeps of it, by a black one; raises as `classify`."""
        self.classify(np.zeros((1, self.input_size, self.input_size, 3), np.uint8))


def dequantize(values: np.ndarray, details: dict) -> np.ndarray:
    """Convert quantized values to float32 by the tensor's scale and zero point; floats pass through."""
    if values.dtype == np.float32:
        return values
    scale, zero_point = details["quantization"]
    return (values.astype(np.float32) - zero_point) * np.float32(scale)


def _check_contract(input_: dict, output: dict) -> None:
    shape = [int(n) for n in input_["shape"]]
    if input_["dtype"] != np.uint8 or len(shape) != 4 or shape[1] != shape[2] or shape[3] != 3:
        raise UserError(
            f"the model takes {np.dtype(input_['dtype']).name} {shape}, not uint8 [n, size, size, 3]",
            "export it by 'make export'",
        )
    classes = int(output["shape"][-1]) if len(output["shape"]) else 0
    if classes < MIN_CLASSES:
        raise UserError(f"the model has {classes} classes, not {MIN_CLASSES} or more", "export it by 'make export'")
