"""Tells whether raw frames have another size or format than the one that was given.

The rows of a picture resemble those above them. Bytes that are cut into rows of a wrong length are sheared: then they
resemble those of another distance more, and where rows really begin, the left edge follows the right one with a jump.
Both must be so for a size to be refused; a picture that is flat, dark, noisy or striped does not have such jumps.
"""

import numpy as np

SHORTEST_ROW = 96
"""Bytes of a row below which nothing is told."""

EXAMINED = 1 << 20
"""Bytes of a frame that are looked at, at most."""

PEAKS = 24
"""Distances that are looked at more closely: those at which the bytes resemble each other most."""

UNLIKE = 0.005
"""Squared difference, over the variance, below which the rows of the given length are like each other enough."""

CLOSER = 0.6
"""The same at another distance, over that of the given one, from which on downwards the other one is suspected."""

EDGE, COMMON = 1.5, 97
"""Contrast of the beginnings of rows, over a percentile of that of all columns, that tells an edge."""

NEARBY = np.r_[-24:-5, 6:25]
"""Bytes away from an edge with which it is compared."""

FLAT_SPREAD, NO_LIKENESS = 60.0, 0.05
"""Standard deviation and correlation of bytes that are compressed: a dark, noisy picture varies far less."""


def problem_of(content: bytes, row: int) -> str | None:
    """Return what is wrong with a frame whose rows would have `row` bytes; None where nothing surely is."""
    values = np.frombuffer(content, np.uint8)[:EXAMINED].astype(np.float32)
    if row < SHORTEST_ROW or len(values) < 16 * row:
        return None
    likeness = _likeness(values, min(4 * row, len(values) // 4))
    if values.std() > FLAT_SPREAD and max(likeness[1], likeness[3], likeness[row]) < NO_LIKENESS:
        return "no pictures, but compressed or other data"
    unlike = 1 - likeness
    if unlike[row] < UNLIKE:
        return None
    jumps = np.convolve(np.abs(values[3:] - values[:-3]), np.ones(3) / 3, "valid")  # of 3 bytes: a pixel, mostly
    for other in map(int, _peaks(likeness)):
        if unlike[other] < CLOSER * unlike[row] and _begin_at(jumps, other, row):
            return f"rows of {other} bytes, not of {row}"
    return None


def _likeness(values: np.ndarray, longest: int) -> np.ndarray:
    """Correlation of the bytes with those at each distance from 0 to `longest`."""
    centred = values - values.mean()
    spectrum = np.fft.rfft(centred, 1 << (len(values) + longest).bit_length())
    products = np.fft.irfft(np.abs(spectrum) ** 2)[: longest + 1]
    means = products / np.arange(len(values), len(values) - longest - 1, -1)
    return means / max(means[0], 1e-6)


def _peaks(likeness: np.ndarray) -> np.ndarray:
    """Distances at which it is greater than at those next to it, the greatest first."""
    inner = likeness[SHORTEST_ROW:-1]
    higher = (inner >= likeness[SHORTEST_ROW - 1 : -2]) & (inner >= likeness[SHORTEST_ROW + 1 :])
    peaks = np.flatnonzero(higher) + SHORTEST_ROW
    return peaks[np.argsort(-likeness[peaks])][:PEAKS]


def _begin_at(jumps: np.ndarray, other: int, row: int) -> bool:
    """Tell whether rows begin at the multiples of `other`, and at those of `row` alone do not."""
    begin, given = (np.arange(1, len(jumps) // length) * length for length in (other, row))
    edge = _edge(jumps, other)
    own, only_given = begin[begin % row != 0], given[given % other != 0]
    return (
        _contrast(jumps, begin) > edge
        and (not len(own) or _contrast(jumps, own) > edge)
        and (not len(only_given) or _contrast(jumps, only_given) < _edge(jumps, row))
    )


def _contrast(jumps: np.ndarray, beginnings: np.ndarray) -> float:
    """Mean jump into the rows that begin there, over those nearby."""
    last = beginnings[beginnings < len(jumps) - NEARBY.max()] - 3  # the last pixel before
    return float(jumps[last].mean() / (1 + jumps[last[:, None] + NEARBY].mean()))


def _edge(jumps: np.ndarray, length: int) -> float:
    """Contrast above which a column, of rows of a length, is one of few: there are edges in pictures, too."""
    columns = jumps[: len(jumps) // length * length].reshape(-1, length).mean(axis=0)
    nearby = np.mean([np.roll(columns, shift) for shift in NEARBY], axis=0)
    return EDGE * float(np.percentile(columns / (1 + nearby), COMMON))
