"""Boxes and the plane's similarities."""

from collections.abc import Iterable

import numpy as np

Box = tuple[float, float, float, float]
"""(x, y, w, h) in pixels, or relative to a side where it says so."""


def as_box(values: Iterable[float]) -> Box:
    """Four numbers of any kind as a box.

    Raises:
        ValueError: there are not four.
    """
    x, y, w, h = (float(v) for v in values)
    return x, y, w, h


def overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (x, y, w, h), `[n, 4]` and `[m, 4]`, as `[n, m]`."""
    a, b = a[:, None, :], b[None, :, :]
    low = np.maximum(a[..., :2], b[..., :2])
    high = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=2)
    total = np.prod(a[..., 2:], axis=2) + np.prod(b[..., 2:], axis=2) - common
    return common / np.maximum(total, 1e-9)


def similarity(points: np.ndarray, goals: np.ndarray) -> np.ndarray:
    """The rotation, scale and shift that bring `points` nearest to `goals`, both `[n, 2]`, by least squares.

    With points as complex numbers a similarity is `goal = a * point + b`, and `a` an ordinary regression.
    """
    p, g = (place[:, 0] + 1j * place[:, 1] for place in (points, goals))
    p_mean, g_mean = p.sum() / len(p), g.sum() / len(g)
    p_centred = p - p_mean
    a = np.vdot(p_centred, g) / np.vdot(p_centred, p_centred).real
    b = g_mean - a * p_mean
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
