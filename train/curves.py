"""The picture of a training run: loss and accuracy by epoch."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from edge.files import whole_file


def draw_curves(path: Path, history: Sequence[dict[str, float]]) -> None:
    """Draw loss and accuracy, training and validation, of every epoch to a PNG.

    Args:
        path: where the picture goes.
        history: figures by epoch with the keys loss, accuracy, val_loss and val_accuracy.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    epochs = range(1, len(history) + 1)
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(epochs, [f[name] for f in history], marker=".", label="training (augmented)")
        axes.plot(epochs, [f[f"val_{name}"] for f in history], marker=".", label="validation")
        axes.set(xlabel="epoch", ylabel=name)
        axes.grid(alpha=0.3)
        axes.legend()
    with whole_file(path) as part:
        figure.savefig(part, dpi=100)
