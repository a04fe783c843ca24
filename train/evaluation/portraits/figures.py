"""Figures of the answers to portraits, by group, with confidence intervals."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from edge.faces.baseline import NEUTRAL
from train.evaluation.metrics import CONFIDENCE_PERCENTILES
from train.evaluation.portraits.answers import HAPPY, Answers
from train.evaluation.portraits.folder import AGE_BANDS, NOT_GIVEN, Person

MIN_PEOPLE = 8
"""Smallest group with figures: in a smaller one, a single person is more than 12 points of a share."""

PEOPLE_RESAMPLES = 2000


@dataclass(frozen=True)
class Figure:
    """A share or an area, 0 to 1, and its 95% confidence interval by bootstrap over people."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Group:
    """Figures of a group.

    Attributes:
        attribute: `all`, `gender`, `age` or `ethnicity`.
        name: of the group.
        people: number of people in it.
        figures: by name, see `shares`; empty where both faces are found of fewer people than `MIN_PEOPLE`.
    """

    attribute: str
    name: str
    people: int
    figures: dict[str, Figure]


@dataclass(frozen=True)
class Figures:
    """Figures of a bundle on portraits.

    Attributes:
        threshold: of log(happy/neutral), above which one neutral picture of all lies.
        groups: everybody, then by attribute.
    """

    threshold: float
    groups: tuple[Group, ...]


def summarize(people: Sequence[Person], answers: Answers) -> Figures:
    """Compute the figures of everybody and of each group."""
    draws = np.random.default_rng(0).integers(0, len(people), (PEOPLE_RESAMPLES, len(people)))
    resampled = [(draw, answers.of(draw)) for draw in draws]
    groups = [
        Group(attribute, name, int(chosen.sum()), _figures(answers, chosen, resampled))
        for (attribute, name), chosen in _members(people).items()
    ]
    return Figures(one_false_alarm(answers), tuple(groups))


def shares(answers: Answers, threshold: float) -> dict[str, float]:
    """Compute the values of the figures; a face that is not found has no label.

    Args:
        answers: of the people of a group; of at least one, both faces are found.
        threshold: of the scores, above which a smile counts as found.

    Returns:
        By name: `found`, share of the pictures in which a face is found; `neutral_recall` and `happy_recall`, shares of
        correct labels; `roc_area`, area under the ROC of the score, smiling against neutral pictures; `smiles_found`,
        share of the smiling pictures above the threshold; `above_own_neutral`, share of people whose smiling picture
        has a higher score than their neutral one; `neutral_recall_with_baseline`, `happy_recall_with_baseline`,
        the same after the neutral picture was shown as the person's first seconds.
    """
    neutral, smiling = answers.scores
    there = ~np.isnan(answers.scores)
    return {
        "found": float(there.mean()),
        "neutral_recall": float((answers.labels[0] == NEUTRAL).mean()),
        "happy_recall": float((answers.labels[1] == HAPPY).mean()),
        "roc_area": roc_area(neutral[there[0]], smiling[there[1]]),
        "smiles_found": float((smiling > threshold).mean()),
        "above_own_neutral": float((smiling > neutral)[there.all(axis=0)].mean()),
        "neutral_recall_with_baseline": float((answers.with_baseline[0] == NEUTRAL).mean()),
        "happy_recall_with_baseline": float((answers.with_baseline[1] == HAPPY).mean()),
    }


def roc_area(neutral: np.ndarray, smiling: np.ndarray) -> float:
    """Compute the share of pairs in which the smiling picture has the higher score; ties count half.

    Args:
        neutral: float `[n]`.
        smiling: float `[m]`.
    """
    differences = smiling[:, None] - neutral
    return float(((differences > 0) + 0.5 * (differences == 0)).mean())


def one_false_alarm(answers: Answers) -> float:
    """Return the second highest score of the neutral pictures: one lies above it."""
    scores = answers.scores[0]
    return float(np.sort(scores[~np.isnan(scores)])[-2:][0])


def _members(people: Sequence[Person]) -> dict[tuple[str, str], np.ndarray]:
    """Return masks bool `[n]` by attribute and group: ages upwards, other names by the alphabet."""
    order = {name: i for i, (_, name) in enumerate(AGE_BANDS)} | {NOT_GIVEN: len(AGE_BANDS)}
    members = {("all", "everybody"): np.ones(len(people), bool)}
    for attribute in people[0].groups:
        names = np.array([person.groups[attribute] for person in people])
        ordered = sorted(set(names.tolist()), key=lambda name: (order.get(name, 0), name))
        members |= {(attribute, name): names == name for name in ordered}
    return members


def _figures(
    answers: Answers, chosen: np.ndarray, resampled: Iterable[tuple[np.ndarray, Answers]]
) -> dict[str, Figure]:
    """Compute the figures of the chosen people; the threshold is everybody's, in each resample its own."""
    found = chosen & ~np.isnan(answers.scores).any(axis=0)
    if found.sum() < MIN_PEOPLE:
        return {}
    values = shares(answers.of(chosen), one_false_alarm(answers))
    drawn = [shares(some.of(chosen[draw]), one_false_alarm(some)) for draw, some in resampled if found[draw].any()]
    ends = np.nanpercentile([list(one.values()) for one in drawn], CONFIDENCE_PERCENTILES, axis=0).T.tolist()
    return {name: Figure(value, low, high) for (name, value), (low, high) in zip(values.items(), ends, strict=True)}
