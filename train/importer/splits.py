"""Assign images to splits, so that no two splits share an image.

FER-2013 has over a thousand images more than once, some of them in two classes. Copies across splits would make a model
look better on held-out images than it is.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from train.dataset import SPLITS

HELD_OUT_SHARE = 0.1


@dataclass
class Image:
    """One image between source and data set.

    Attributes:
        name: path inside the source.
        emotion: class number.
        split: `train`, `val` or `test`.
        pixels: hash of shape and bytes of the decoded image; equal for equal pixels.
        path: present path of the file.
        suffix: suffix of its name in the data set.
    """

    name: str
    emotion: int
    split: str
    pixels: str
    path: Path
    suffix: str


def assign_splits(images: list[Image], seed: int) -> list[Image]:
    """Set the `split` of every image, in place, and return the images to leave out.

    A single held-out part becomes `test`, because results must come from images that no decision was based on. Missing
    splits are taken from `train`, a stratified and seeded tenth each. The returned images have the same pixels as one
    in a more valuable split.
    """
    held_out = {image.split for image in images} - {"train"}
    if held_out == {"val"}:
        for image in images:
            image.split = "test" if image.split == "val" else image.split
    dropped = _standing_on_two_sides(images)
    gone = {id(image) for image in dropped}
    train = [image for image in images if image.split == "train" and id(image) not in gone]
    wanted = {0: ("test", "val"), 1: ("val",), 2: ()}[len(held_out)]
    _carve(train, wanted, np.random.default_rng(seed))
    return dropped


def same_pixels(images: list[Image]) -> list[list[Image]]:
    """Group the images by their pixels, in the order of each group's first image."""
    groups = defaultdict(list)
    for image in images:
        groups[image.pixels].append(image)
    return list(groups.values())


def _standing_on_two_sides(images: list[Image]) -> list[Image]:
    dropped = []
    for group in same_pixels(images):
        best = max((image.split for image in group), key=SPLITS.index)
        dropped += [image for image in group if image.split != best]
    return dropped


def _carve(train: list[Image], wanted: tuple[str, ...], rng: np.random.Generator) -> None:
    """Move a tenth of each class of `train` to each wanted split, whole groups of equal pixels at a time."""
    strata = defaultdict(list)
    for group in same_pixels(sorted(train, key=lambda image: image.name)):
        strata[group[0].emotion].append(group)
    for emotion in sorted(strata):
        groups = strata[emotion]
        rng.shuffle(groups)
        target = max(1, round(HELD_OUT_SHARE * sum(map(len, groups))))
        for split in wanted:
            _move(groups, split, target)


def _move(groups: list[list[Image]], split: str, target: int) -> None:
    """Move groups from the end until `target` images have the new split; the last group stays in `train`."""
    moved = 0
    while moved < target and len(groups) > 1:
        group = groups.pop()
        moved += len(group)
        for image in group:
            image.split = split
