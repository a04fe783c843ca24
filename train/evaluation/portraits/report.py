"""Reports of the figures of portraits: text, JSON, and a section of the model card."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from edge.base.errors import UserError
from train.evaluation.portraits.figures import MIN_PEOPLE, Figure, Figures, Group

FIGURE_TITLES = {
    "found": "faces found",
    "neutral_recall": "neutral called neutral",
    "happy_recall": "smiles called happy",
    "roc_area": "ROC area",
    "smiles_found": "smiles found at one false alarm",
    "above_own_neutral": "smile above own neutral face",
    "neutral_recall_with_baseline": "neutral called neutral, with baseline",
    "happy_recall_with_baseline": "smiles called happy, with baseline",
}
"""Titles of the figures that `shares` computes."""

SECTION = "### By gender, age and ethnicity"
NOT_MEASURED = f"""{SECTION}

Not measured. `make evaluate PORTRAITS=DIR ARGS=--card` measures it and writes it here.
"""

_CARD = """{section}

By `make evaluate PORTRAITS=DIR` on {people} people, photographed with a neutral face and with a smile, in groups as
they gave them. Model: {variant}, sha256 {sha256}. In brackets: 95% confidence intervals, by bootstrap over people; none
where all or none are right. `models/PROVENANCE.md` in the repository says where the portraits come from.

{table}

The ROC area is that of log(happy/neutral), smiling against neutral pictures. At one false alarm, one of the {people}
neutral pictures lies above the threshold. The baseline is `--personal-baseline`, learnt from the neutral picture.
Smiles called happy by gender: {by_gender}.
"""


def as_text(title: str, figures: Figures) -> str:
    """Format the figures for a terminal."""
    lines = [title, f"  threshold at one false alarm: log(happy/neutral) above {figures.threshold:.2f}"]
    for group in figures.groups:
        few = "" if group.figures else f": too few for figures (fewer than {MIN_PEOPLE} with both faces found)"
        lines.append(f"  {_name(group)}, {group.people} people{few}")
        lines += [f"    {FIGURE_TITLES[name]:<40}{_cell(name, figure)}" for name, figure in group.figures.items()]
    return "\n".join(lines)


def as_dict(figures: Figures, model: Mapping[str, str]) -> dict[str, Any]:
    """Return plain values for JSON, rounded to six decimals."""
    groups = [asdict(group) | {"figures": _rounded(group.figures)} for group in figures.groups]
    return {"model": dict(model), "threshold": round(figures.threshold, 6), "groups": groups}


def card_section(figures: Figures, model: Mapping[str, str]) -> str:
    """Return the section of the model card, Markdown."""
    return _CARD.format(
        section=SECTION,
        people=figures.groups[0].people,
        variant=model["variant"],
        sha256=model["sha256"],
        table=_table(figures),
        by_gender=_by_gender(figures) or "no group is large enough",
    )


def with_section(card: str, section: str) -> str:
    """Replace the card's section about people.

    Raises:
        UserError: the card lacks the section.
    """
    place = re.compile(rf"^{re.escape(SECTION)}\n.*?(?=^#|\Z)", re.DOTALL | re.MULTILINE)
    if not place.search(card):
        raise UserError(f"the model card has no section '{SECTION}'", "export the bundle again, or leave --card out")
    return place.sub(lambda _: f"{section.strip()}\n\n", card).rstrip() + "\n"


def _table(figures: Figures) -> str:
    """Format the figures, one row per group, then the groups without figures."""
    rows = [[f"{_name(g)} ({g.people})", *(_cell(*f) for f in g.figures.items())] for g in figures.groups if g.figures]
    header = ["group (people)", *FIGURE_TITLES.values()]
    table = "\n".join("| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows])
    few = ", ".join(f"{_name(group)} ({group.people})" for group in figures.groups if not group.figures)
    return f"{table}\n\nWithout figures, for fewer than {MIN_PEOPLE} people: {few}." if few else table


def _by_gender(figures: Figures) -> str:
    groups = [group for group in figures.groups if group.attribute == "gender" and group.figures]
    return ", ".join(f"{group.figures['happy_recall'].value:.0%} ({group.name})" for group in groups)


def _name(group: Group) -> str:
    return group.name if group.attribute == "all" else f"{group.attribute} {group.name}"


def _cell(name: str, figure: Figure) -> str:
    """Format a figure and its interval: shares in percent, the ROC area as a fraction."""
    if name == "roc_area":
        return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"
    if figure.low == figure.high:
        return f"{figure.value:.0%}"
    return f"{figure.value:.0%} ({figure.low:.0%} to {figure.high:.0%})"


def _rounded(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: {key: round(value, 6) for key, value in asdict(f).items()} for name, f in figures.items()}
