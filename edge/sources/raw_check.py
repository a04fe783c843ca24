"""Check raw frames for a wrong size or format.

The rows of a picture resemble those above them. With a wrong row length the picture is sheared: its bytes then
correlate more at another distance, the real row length, and there is a jump in brightness where real rows begin. A size
is refused only where both are found; flat, dark, noisy or striped pictures have no such jumps.
"""

import numpy as np

SHORTEST_ROW = 96
"""Shortest row that is checked, bytes."""

EXAMINED = 1 << 20
"""Most bytes of a frame that are examined."""

PEAKS = 24
"""Number of candidate row lengths: the distances with the highest correlation."""

UNLIKE = 0.005
"""Squared difference relative to the variance, below which the given row length is accepted."""

CLOSER = 0.6
"""Ratio of that difference at another distance to that at the given one, below which the other is suspected."""

EDGE, COMMON = 1.5, 97
"""Contrast at the start of rows, relative to a percentile over all columns, from which on it counts as an edge."""

NEARBY = np.r_[-24:-5, 6:25]
"""Distance in bytes of the columns with which an edge is compared."""

FLAT_SPREAD, NO_LIKENESS = 60.0, 0.05
"""Least standard deviation and largest correlation of compressed data; dark, noisy pictures vary far less."""


def problem_of(content: np.ndarray, row: int) -> str | None:
    """Return the problem of a frame, uint8 `[bytes]`, with rows of `row` bytes; None where none is certain."""
    values = content[:EXAMINED].astype(np.float32)
    if row < SHORTEST_ROW or len(values) < 16 * row:
        return None
    likeness = _likeness(values, min(4 * row, len(values) // 4))
    if values.std() > FLAT_SPREAD and max(likeness[1], likeness[3], likeness[row]) < NO_LIKENESS:
        return "no pictures, but compressed or other data"
    unlike = 1 - likeness
    if unlike[row] < UNLIKE:
        return None
    jumps = np.convolve(np.abs(values[3:] - values[:-3]), np.ones(3) / 3, "valid")  # 3 bytes are mostly a pixel
    for other in map(int, _peaks(likeness)):
        if unlike[other] < CLOSER * unlike[row] and _begin_at(jumps, other, row):
            return f"rows of {other} bytes, not of {row}"
    return None


def _likeness(values: np.ndarray, longest: int) -> np.ndarray:
    """Return the correlation of the bytes at each distance from 0 to `longest`.

    Blocks stay in the processor's cache, which makes them three times as fast as one transform of the whole frame.
    """
    centred = values - values.mean()
    block = 1 << (4 * longest).bit_length()
    step = block - longest
    spectrum = np.zeros(block // 2 + 1, np.complex128)
    for start in range(0, len(values), step):
        own = np.fft.rfft(centred[start : start + step], block)
        spectrum += own.conj() * np.fft.rfft(centred[start : start + block], block)
    means = np.fft.irfft(spectrum)[: longest + 1] / np.arange(len(values), len(values) - longest - 1, -1)
    return means / max(means[0], 1e-6)


def _peaks(likeness: np.ndarray) -> np.ndarray:
    """Return the distances of local maxima, the greatest first."""
    inner = likeness[SHORTEST_ROW:-1]
    higher = (inner >= likeness[SHORTEST_ROW - 1 : -2]) & (inner >= likeness[SHORTEST_ROW + 1 :])
    peaks = np.flatnonzero(higher) + SHORTEST_ROW
    return peaks[np.argsort(-likeness[peaks])][:PEAKS]


def _begin_at(jumps: np.ndarray, other: int, row: int) -> bool:
    """Return whether rows begin at the multiples of `other` but not at those of `row` alone."""
    begin, given = (np.arange(1, len(jumps) // length) * length for length in (other, row))
    edge = _edge(jumps, other)
    own, only_given = begin[begin % row != 0], given[given % other != 0]
    return (
        _contrast(jumps, begin) > edge
        and (not len(own) or _contrast(jumps, own) > edge)
        and (not len(only_given) or _contrast(jumps, only_given) < _edge(jumps, row))
    )


def _contrast(jumps: np.ndarray, beginnings: np.ndarray) -> float:
    """Return the mean jump at the given starts of rows, relative to that of nearby columns."""
    last = beginnings[beginnings < len(jumps) - NEARBY.max()] - 3  # the last pixel before
    return float(jumps[last].mean() / (1 + jumps[last[:, None] + NEARBY].mean()))


def _edge(jumps: np.ndarray, length: int) -> float:
    """Return the contrast that few columns exceed; pictures themselves have edges, too."""
    columns = jumps[: len(jumps) // length * length].reshape(-1, length).mean(axis=0)
    nearby = np.mean([np.roll(columns, shift) for shift in NEARBY], axis=0)
    return EDGE * float(np.percentile(columns / (1 + nearby), COMMON))
