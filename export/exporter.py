"""From a trained run to a bundle: calibrate, convert, evaluate, check parity, write."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edge.base.errors import UserError
from edge.faces.detector import open_detector
from edge.model.bundle import load_bundle, read_manifest
from edge.model.manifest import LabelSet
from export.bundle_writer import check_target, describe_file, manifest_head, tool_versions, write_bundle
from export.calibration import calibrate_probabilities, representative_faces
from export.card import FER_2013, model_card
from export.chance import require_better_than_chance
from export.convert import Quantization, convert
from export.edge_tpu import edge_tpu_obstacles
from export.figures import draw_figures
from export.metadata import with_metadata
from export.onnx import write_onnx
from export.parity import OPTIONAL, Parity, compare
from export.source import TrainedRun, truth
from export.template import measure_template
from train.dataset import Split, available_labels, load_split, read_truths
from train.evaluation.evaluate import Evaluation, evaluate
from train.evaluation.measure import Measured, measure
from train.model import multiply_adds
from train.model_loader import predict_tflite


@dataclass(frozen=True)
class Settings:
    """Settings of an export.

    Attributes:
        output: folder of the bundle.
        name: of the bundle.
        split: the evaluated split, `val` or `test`.
        samples: number of representative faces.
        seed: of all random draws.
        logit_adjustment: strength; fitted if None.
        template: bundle whose face template is used; measured if None.
        onnx: True to write ONNX and the representative faces into the run's folder, too.
        quantization: settings of int8.
        allow_chance: export a model that is no better than chance.
    """

    output: Path
    name: str
    split: str = "test"
    samples: int = 350
    seed: int = 0
    logit_adjustment: float | None = None
    template: Path | None = None
    onnx: bool = False
    quantization: Quantization = field(default_factory=Quantization)
    allow_chance: bool = False


@dataclass(frozen=True)
class EvaluationSet:
    """The split that is evaluated.

    Attributes:
        name: of the split.
        split: images and folder classes.
        truths: int `[n]` by label set, true classes, -1 where unclear.
        true_classes: those of the exported label set.
    """

    name: str
    split: Split
    truths: Mapping[LabelSet, np.ndarray]
    true_classes: np.ndarray


@dataclass(frozen=True)
class VariantResult:
    """A variant with its predictions and their evaluation."""

    content: bytes
    probabilities: np.ndarray
    evaluation: Evaluation
    parity: Parity

    def entry(self) -> dict[str, Any]:
        """Return the variant's entry in the manifest."""
        names = ("accuracy", "macro_f1", "calibration_error")
        scores = {
            label_set: {"images": s.images, **{name: round(getattr(s, name), 5) for name in names}}
            for label_set, s in self.evaluation.scores.items()
        }
        return describe_file(self.content) | {"scores": scores, "parity": self.parity.as_dict()}


def export(run: TrainedRun, settings: Settings) -> tuple[dict[str, Any], list[str]]:
    """Write a run's bundle.

    Returns:
        Its manifest, and a sentence for each variant that was left out.

    Raises:
        UserError: the data does not fit, or a variant fails the parity check; nothing is written.
    """
    check_target(settings.output)
    test = load_evaluation_set(run, settings.split)
    calibration = representative_faces(run.training, settings.samples, settings.seed)
    check_no_leakage(calibration, test)
    template = _face_template(run, settings)
    temperature, strength = calibrate_probabilities(run, settings.logit_adjustment)
    models = convert(run.network, calibration, settings.quantization)
    classes = run.config.classes
    results = evaluate_variants({name: with_metadata(content, classes) for name, content in models.items()}, test)
    if not settings.allow_chance:
        require_better_than_chance(results["float32"].evaluation.scores[run.labels], classes)
    results, left_out = check_parity(results, _debug_command(run))
    manifest = {
        **_describe_model(run, settings, template),
        "temperature": round(temperature, 4),
        "logit_adjustment": strength,
        "split": test.name,
        "variants": {name: result.entry() for name, result in results.items()},
        "calibration": {"split": "train", "images": len(calibration), "seed": settings.seed},
        "quantization": asdict(settings.quantization),
        "edge_tpu_obstacles": edge_tpu_obstacles(results["int8"].content),
        "training": _describe_training(run),
        "data": data_origin(run.data) | run.description["data"] | {test.name: test.split.fingerprint},
        "tools": tool_versions(),
    }
    measured = _measure(results, test, run.labels, np.array(template["landmarks"]))
    contents = {name: result.content for name, result in results.items()}
    if settings.onnx:
        write_onnx(run.folder / "onnx", run.network, calibration)
    write_bundle(settings.output, contents, manifest, model_card(manifest, measured), draw_figures(measured))
    return manifest, left_out


def load_evaluation_set(run: TrainedRun, name: str) -> EvaluationSet:
    """Load the split that is evaluated, at the network's input size."""
    split = load_split(run.data, name, run.network.input_shape[1], 3)
    return EvaluationSet(name, split, read_truths(run.data, split), truth(run.labels, run.data, split))


def check_no_leakage(calibration: np.ndarray, test: EvaluationSet) -> None:
    """Refuse representative faces that are in the evaluated split: they would favour int8.

    Raises:
        UserError: there are such faces.
    """
    known = {face.tobytes() for face in calibration}
    pairs = zip(test.split.files, test.split.images, strict=True)
    if both := [file for file, face in pairs if face.tobytes() in known]:
        raise UserError(
            f"{len(both)} calibration images are in the split {test.name} as well, the first as {both[0]}",
            "import the data by 'make data', which removes duplicates",
        )


def evaluate_variants(models: Mapping[str, bytes], test: EvaluationSet) -> dict[str, VariantResult]:
    """Run every variant once on the test set, and compare it with float32."""
    predictions = {name: predict_tflite(content, test.split.images) for name, content in models.items()}
    return {
        name: VariantResult(
            content,
            predictions[name],
            evaluate(predictions[name], test.truths),
            compare(predictions["float32"], predictions[name], test.true_classes, test.split.names),
        )
        for name, content in models.items()
    }


def check_parity(
    results: Mapping[str, VariantResult], debug_command: str
) -> tuple[dict[str, VariantResult], list[str]]:
    """Return the variants that agree with float32, and a sentence for each optional one that does not.

    Raises:
        UserError: another variant does not agree.
    """
    passed, left_out = {}, []
    for name, result in results.items():
        faults = "; it ".join(result.parity.faults())
        if not faults:
            passed[name] = result
        elif name in OPTIONAL:
            left_out.append(f"{name} is left out: it {faults}")
        else:
            remedy = f"diagnose it by: {debug_command} (nothing was written)"
            raise UserError(f"{name} does not agree with float32: it {faults}", remedy)
    return passed, left_out


def data_origin(data: Path) -> dict[str, str]:
    """Return the data set's source, if its import recorded it, and its name, if the file names show it."""
    record = data / "import.json"
    origin = {"source": json.loads(record.read_text())["source"]} if record.is_file() else {}
    return origin | ({"dataset": FER_2013} if "fer2013" in available_labels(data) else {})


def _measure(
    results: Mapping[str, VariantResult], test: EvaluationSet, labels: LabelSet, landmarks: np.ndarray
) -> dict[str, Measured]:
    """Evaluate float32 and int8 for the model card."""
    return {
        name: measure(
            results[name].probabilities,
            partial(predict_tflite, results[name].content),
            test.split.images,
            test.truths,
            labels,
            landmarks,
        )
        for name in ("float32", "int8")
    }


def _face_template(run: TrainedRun, settings: Settings) -> dict[str, Any]:
    if settings.template:
        load_bundle(settings.template)
        return read_manifest(settings.template)["face_template"]
    return measure_template(run.training, open_detector("yunet"), settings.seed)


def _describe_model(run: TrainedRun, settings: Settings, template: dict[str, Any]) -> dict[str, Any]:
    stage = run.config.stages[run.config.stage_at(run.best_epoch)]
    return {
        **manifest_head(settings.name, run.config.classes, run.network.input_shape[1], stage.resolution),
        "labels": run.labels,
        "mirror": run.mirror,
        "multiply_adds": multiply_adds(run.network, views=2 if run.mirror else 1),
        "face_template": template,
    }


def _describe_training(run: TrainedRun) -> dict[str, Any]:
    return {
        **{name: run.description[name] for name in ("config", "weights", "teachers")},
        "epochs": run.progress.epochs,
        "best_epoch": run.best_epoch + 1,
        "best": {name: round(value, 5) for name, value in run.progress.history[run.best_epoch].items()},
    }


def _debug_command(run: TrainedRun) -> str:
    """Return the `make debug` command for the same network."""
    options = f"--labels {run.labels}" + (" --mirror" if run.mirror else "")
    return f"make debug {shlex.join([f'RUN={run.folder}', f'DATA={run.data}', f'ARGS={options}'])}"
