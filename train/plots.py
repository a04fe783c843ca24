"""Plots: training curves and confusion matrices."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edge.base.files import whole_file, writing
from train.evaluation.metrics import Scores

MOST_FIGURES = 12
"""Classes up to which a cell of a confusion matrix has room for figures."""


def draw_curves(path: Path, history: Sequence[dict[str, float]], label_sets: Sequence[str]) -> None:
    """Draw loss and accuracy of every epoch, training and validation, to a PNG.

    Args:
        path: of the PNG.
        history: figures by epoch, with the keys that `train.run.Progress` names.
        label_sets: of the run.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    epochs = range(1, len(history) + 1)
    curves = {
        "loss": ["loss", *(f"val_{label_set}_loss" for label_set in label_sets)],
        "accuracy": [
            name for label_set in label_sets for name in (f"{label_set}_accuracy", f"val_{label_set}_accuracy")
        ],
    }
    for axes, (title, names) in zip(figure.subplots(1, 2), curves.items(), strict=True):
        for name in names:
            style = "-" if name.startswith("val_") else ":"  # training: on augmented faces
            axes.plot(epochs, [f[name] for f in history], style, marker=".", label=name.replace("_", " "))
        axes.set(xlabel="epoch", ylabel=title)
        axes.grid(alpha=0.3)
        axes.legend()
    save_figure(path, figure)


def draw_confusion(path: Path, title: str, panels: dict[str, Scores], names: Sequence[str]) -> None:
    """Draw confusion matrices to a PNG, side by side.

    Args:
        path: of the PNG.
        title: above the panels.
        panels: scores by label set; a cell's colour is its share of the row, its numbers are share and count.
        names: of the classes.
    """
    figure = Figure(figsize=(6.5 * len(panels), 6.5), layout="constrained")
    figure.suptitle(title)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for panel, (name, scores) in zip(axes, panels.items(), strict=True):
        _draw_panel(panel, name, scores, names)
    save_figure(path, figure)


def _draw_panel(axes: Axes, name: str, scores: Scores, names: Sequence[str]) -> None:
    counts = np.array(scores.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_title(f"{name}: accuracy {scores.accuracy:.2%}, macro-F1 {scores.macro_f1:.2%}", fontsize=11)
    axes.set(xlabel="answered", ylabel="true")
    axes.set_xticks(range(len(names)), names, rotation=45 if len(names) <= MOST_FIGURES else 90)
    axes.set_yticks(range(len(names)), names)
    for (row, column), share in np.ndenumerate(shares) if len(names) <= MOST_FIGURES else ():
        text, color = f"{share:.0%}\n{counts[row, column]:,}", "white" if share > 0.5 else "black"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=color)


def save_figure(path: Path, figure: Figure) -> None:
    """Write a figure to a PNG, whole or not at all."""
    with writing(path), whole_file(path) as part:
        figure.savefig(part, dpi=100)
