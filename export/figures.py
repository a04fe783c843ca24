"""Plots of the model card; the same results give the same bytes."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from train.evaluation.measure import Measured
from train.evaluation.robustness import UNITS

RELIABILITY, RISK_COVERAGE, ROBUSTNESS = "reliability.png", "risk_coverage.png", "robustness.png"

_STYLES: tuple[dict[str, Any], ...] = (
    {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    {"color": "#D55E00", "linestyle": "--", "marker": "s"},
)
"""Colours of Okabe and Ito, which colour-blind people can tell apart; dashes and markers for prints in grey."""

_COLUMNS = 3


def draw_figures(measured: Mapping[str, Measured]) -> dict[str, bytes]:
    """Draw all plots of the card.

    Args:
        measured: by variant, one or two.

    Returns:
        PNG files by name.
    """
    return {
        RELIABILITY: draw_reliability(measured),
        RISK_COVERAGE: draw_risk_coverage(measured),
        ROBUSTNESS: draw_robustness(measured),
    }


def draw_reliability(measured: Mapping[str, Measured]) -> bytes:
    """Draw accuracy over confidence, and below it the number of images per bin; return a PNG."""
    figure = Figure(figsize=(5, 5.5), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot((0, 1), (0, 1), color="grey", linestyle=":", label="as sure as right")
    for (variant, m), style in zip(measured.items(), _STYLES, strict=False):
        confidence = [b.confidence for b in m.reliability]
        upper.plot(confidence, [b.accuracy for b in m.reliability], label=variant, alpha=0.8, **style)
        lower.plot(confidence, [b.images for b in m.reliability], alpha=0.8, **style)
    upper.set(ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02))
    lower.set(xlabel="confidence", ylabel="images", yscale="log")
    _finish(upper, lower)
    upper.legend(loc="lower right")
    return _png(figure)


def draw_risk_coverage(measured: Mapping[str, Measured]) -> bytes:
    """Draw selective accuracy over coverage, with one marker per threshold; return a PNG."""
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    for (variant, m), style in zip(measured.items(), _STYLES, strict=False):
        points = [(a.coverage, a.accuracy) for a in m.risk_coverage if a.accuracy is not None]
        axes.plot(*zip(*points, strict=True), label=variant, alpha=0.8, **style)
    axes.set(xlabel="answered", ylabel="right among the answered", xlim=(0, 1.02))
    _finish(axes)
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.legend(loc="lower left")
    return _png(figure)


def draw_robustness(measured: Mapping[str, Measured]) -> bytes:
    """Draw accuracy over the grades of each disturbance, one panel per disturbance; return a PNG."""
    names = list(next(iter(measured.values())).robustness)
    rows = -(-len(names) // _COLUMNS)
    figure = Figure(figsize=(3.2 * _COLUMNS, 2.3 * rows), layout="constrained")
    panels = figure.subplots(rows, _COLUMNS, sharey=True, squeeze=False).flat
    for axes, name in zip(panels, names, strict=False):
        _draw_disturbance(axes, name, measured)
    for axes in panels[len(names) :]:
        axes.remove()
    figure.supylabel("accuracy", fontsize=10)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return _png(figure)


def _draw_disturbance(axes: Axes, name: str, measured: Mapping[str, Measured]) -> None:
    for (variant, m), style in zip(measured.items(), _STYLES, strict=False):
        grades, accuracies = zip(*m.robustness[name], strict=True)
        axes.plot(range(len(grades)), accuracies, label=variant, alpha=0.8, markersize=4, **style)
        axes.set_xticks(range(len(grades)), [f"{grade:g}" for grade in grades])
    axes.axhline(_commonest(m), color="grey", linestyle=":", label="always the commonest")
    axes.set_title(UNITS[name], fontsize=10)
    axes.set_ylim(0, 1)
    _finish(axes)


def _commonest(measured: Measured) -> float:
    """Return the accuracy of always predicting the most frequent class."""
    scores = measured.scores[measured.labels]
    return max(scores.support) / scores.images


def _finish(*panels: Axes) -> None:
    for axes in panels:
        axes.grid(alpha=0.3)
        if axes.get_yscale() == "linear":
            axes.yaxis.set_major_formatter("{x:.0%}")


def _png(figure: Figure) -> bytes:
    content = BytesIO()
    figure.savefig(content, format="png", dpi=72, metadata={"Software": None})  # else it names matplotlib's version
    return content.getvalue()
