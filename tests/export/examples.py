"""Measurements and a manifest that were made up, so that a card can be written without a training run."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from edge.base.classes import EMOTIONS
from export.card import FER_2013
from train.evaluation.measure import Measured, measure
from train.evaluation.metrics import Scores

LANDMARKS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.75], [0.65, 0.75]])


def by_brightness(images: np.ndarray) -> np.ndarray:
    """A model, float32 `[n, 7]`: the brighter the face, the higher its class, the surer the nearer to its middle."""
    level = images.mean(axis=(1, 2, 3)) / 36.5 - 0.5
    logits = -2 * (level[:, None] - np.arange(7)) ** 2
    odds = np.exp(logits)
    return (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


def bright_faces(count: int = 140, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Faces with some noise, each class brighter, uint8 `[n, size, size, 3]`; and the classes."""
    rng = np.random.default_rng(0)
    classes = np.arange(count) % 7
    levels = 36.5 * (classes + rng.uniform(0.1, 1.1, count))
    images = levels[:, None, None, None] + rng.normal(0, 10, (count, size, size, 1))
    return np.clip(images, 0, 255).astype(np.uint8).repeat(3, axis=3), classes


@cache
def measured(labels: str = "ferplus", votes: bool = True) -> dict[str, Measured]:
    """Two variants, of which int8 is a little coarser; without a FER+ majority on the first 14 images."""
    images, classes = bright_faces()
    majority = np.where(np.arange(len(classes)) < 14, -1, classes)
    truths = {"fer2013": classes, "ferplus": majority} if votes else {"folder": classes}
    models = {"float32": by_brightness, "int8": lambda x: np.round(by_brightness(x) * 16) / 16}
    return {
        variant: measure(model(images), model, images, truths, labels, LANDMARKS) for variant, model in models.items()
    }


def with_curve(measurements: dict[str, Measured], name: str, curve: list[tuple[float, float]]) -> dict[str, Measured]:
    """The same with another curve of one disturbance, for all variants."""
    return {v: replace(m, robustness=m.robustness | {name: curve}) for v, m in measurements.items()}


def manifest(measurements: dict[str, Measured], labels: str = "ferplus", source: str | None = None) -> dict[str, Any]:
    """A manifest with the fields that the card shows."""
    return {
        "name": "example",
        "created": "2026-01-02",
        "classes": list(EMOTIONS),
        "input_size": 32,
        "resolution": 64,
        "mirror": False,
        "labels": labels,
        "temperature": 0.8123,
        "logit_adjustment": 0.0,
        "split": "test",
        "variants": {
            variant: {
                "bytes": 2_500_000,
                "scores": {label_set: _brief(scores) for label_set, scores in m.scores.items()},
                "parity": {"agreement": 0.987},
            }
            for variant, m in measurements.items()
        },
        "training": {
            "config": {"alpha": 1.0, "labels": ["ferplus", "fer2013"], "teachers": [], "teacher_share": 0.0},
            "weights": "imagenet",
            "epochs": 30,
            "best_epoch": 27,
        },
        "data": {"dataset": FER_2013} if source is None else {"source": source} if source else {},
    }


def _brief(scores: Scores) -> dict[str, float]:
    return {name: getattr(scores, name) for name in ("accuracy", "macro_f1", "calibration_error")}
