"""Configuration of a training run: every setting with its type and range.

A configuration is a TOML file (see `train/presets/`). `extends = "edge"` takes all settings of a preset or of another
file, and the file then names only those that differ.
"""

import tomllib
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from edge.base.classes import EMOTIONS
from edge.base.errors import UserError
from edge.base.values import AtLeastOne
from edge.model.manifest import LabelSet

PRESETS = Path(__file__).parent / "presets"

Fraction = Annotated[float, Meta(ge=0, lt=1)]
NotNegative = Annotated[float, Meta(ge=0, lt=1e6)]
Positive = Annotated[float, Meta(gt=0, lt=1e6)]


class Stage(Struct, frozen=True, forbid_unknown_fields=True):
    """One part of the training with its own learning rate schedule: linear warm-up, then cosine decay to 1%."""

    epochs: AtLeastOne
    learning_rate: Positive  # peak, after the warm-up
    resolution: Annotated[int, Meta(ge=32)]  # side of the backbone's input, pixels; a smaller one trains faster
    train_backbone: bool  # false: only the head is trained, and the backbone's statistics are frozen
    augment: bool  # false: faces are mirrored at random and otherwise unchanged
    batch_norm: bool  # false: batch normalization is folded into the convolutions before the stage begins


class Augmentation(Struct, frozen=True, forbid_unknown_fields=True):
    """Ranges of the random changes to each training face; 0 or false disables one."""

    flip: bool  # mirror half of the faces
    rotation: NotNegative  # degrees to either side
    scale: NotNegative  # relative; 0.1: 0.9 to 1.1 times
    shift: NotNegative  # relative to the side
    contrast: NotNegative  # relative, about the face's mean
    brightness: NotNegative  # added, relative to the full range
    random_erasing: NotNegative  # probability of replacing a random rectangle by the face's mean (arXiv 1708.04896)
    blur: NotNegative  # maximum weight of a pixel's neighbourhood in it; half of the faces stay sharp
    noise: NotNegative  # maximum standard deviation of the pixel noise, relative to the full range
    mixup_alpha: NotNegative  # of the distribution Beta(alpha, alpha) of mixup's weights (arXiv 1710.09412)

    def only_mirror(self) -> "Augmentation":
        """Disable everything but the mirror image."""
        disabled = {name: 0.0 for name in self.__struct_fields__ if name != "flip"}
        return msgspec.structs.replace(self, **disabled)


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a training run; the presets hold values that were tried."""

    image_size: Annotated[int, Meta(ge=16)]  # side of the model's input, pixels
    grey: bool  # the graph converts colour to grey, and the network has one input channel
    network: Literal["mobilenet_v2", "resnet18_48", "vgg_se_48"]  # the last two are for teachers, not for boards
    alpha: Positive  # width multiplier
    head: tuple[AtLeastOne, ...]  # units of the dense layers between pooling and softmax
    dropout: Fraction  # before each dense layer
    labels: Annotated[tuple[LabelSet, ...], Meta(min_length=1)]  # each that the data set has is learnt by a head
    label_smoothing: Fraction  # of class folders' labels; the votes are soft already
    teachers: tuple[str, ...]  # runs; or bundles, model files and tables, see train/teachers.py
    teacher_share: Fraction  # weight of the teachers' probabilities in a label
    batch_size: AtLeastOne
    ghost_batches: AtLeastOne  # parts of a batch, each normalized by itself (arXiv 1705.08741) and computed in parallel
    adam_beta_2: Fraction  # decay of AdamW's mean of squared gradients
    weight_decay: NotNegative  # AdamW's, decoupled (arXiv 1711.05101)
    warmup_fraction: Fraction  # of a stage's steps, in which the learning rate rises from zero
    batch_norm_momentum: Fraction  # of the moving statistics, per ghost batch
    ema_decay: Fraction  # EMA decay per step; 0 disables it. The EMA is evaluated and saved, and starts the next stage
    mixed_precision: bool  # 16-bit arithmetic on GPUs
    seed: Annotated[int, Meta(ge=0)]  # of the initial weights, the order of the images and the augmentation
    augmentation: Augmentation
    stages: Annotated[tuple[Stage, ...], Meta(min_length=1)]
    classes: tuple[str, ...] = EMOTIONS  # set from the data set when a run begins

    def __post_init__(self) -> None:
        """Check what concerns more than one setting."""
        if self.batch_size % self.ghost_batches:
            raise ValueError(f"ghost_batches must divide batch_size, {self.batch_size}")
        if self.network != "mobilenet_v2" and not all(stage.batch_norm for stage in self.stages):
            raise ValueError(f"stages: {self.network} always has batch normalization")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels must name each label set once")
        if any(later.batch_norm > earlier.batch_norm for earlier, later in pairwise(self.stages)):
            raise ValueError("stages: batch_norm must be false after a stage where it is false")
        folded = [self.uses_folded_2x_stem(stage.resolution) for stage in self.stages]
        if folded != sorted(folded):
            raise ValueError("stages: after a resolution of twice image_size, all must have it")

    @property
    def channels(self) -> int:
        """Channels of the network's input."""
        return 1 if self.grey else 3

    @property
    def epochs(self) -> int:
        """Epochs of all stages."""
        return sum(stage.epochs for stage in self.stages)

    def uses_folded_2x_stem(self, resolution: int) -> bool:
        """Return True where the backbone's input is twice the face, which `train.mobilenet.fold_2x_stem` folds."""
        return self.network == "mobilenet_v2" and resolution == 2 * self.image_size

    def stage_at(self, epoch: int) -> int:
        """Return the index of an epoch's stage; epochs count from zero."""
        ends = list(accumulate(stage.epochs for stage in self.stages))
        return bisect_right(ends, epoch)

    def end_of(self, stage: int) -> int:
        """Return the number of epochs until a stage's end, from the beginning."""
        return sum(earlier.epochs for earlier in self.stages[: stage + 1])

    def learning(self, classes: tuple[str, ...], available: Sequence[LabelSet]) -> "Config":
        """Take a data set's classes, and keep the label sets that it has; if none, its last, the class folders'."""
        known = tuple(label_set for label_set in self.labels if label_set in available)
        return msgspec.structs.replace(self, classes=classes, labels=known or tuple(available[-1:]))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; `from_dict` is the inverse."""
        return msgspec.to_builtins(self)


def presets() -> list[str]:
    """Return the names of the presets."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def load_config(name: str) -> Config:
    """Read a preset by name or a TOML file by path.

    Raises:
        UserError: there is no such file or preset, or a setting is missing, unknown or out of range.
    """
    path = _find(name, Path())
    try:
        return from_dict(_read(path, ()))
    except ValueError as error:
        raise UserError(f"{path}: {error}", "see train/config.py for all settings and their ranges") from error


def from_dict(content: dict[str, Any]) -> Config:
    """Build a configuration from plain values.

    Raises:
        ValueError: a setting is missing, unknown, of another type or out of range; the message names it.
    """
    try:
        return msgspec.convert(content, Config)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `$")
        if reason.startswith("Invalid enum value"):
            known = get_args(LabelSet if "labels" in place else Config.__annotations__["network"])
            reason += f", must be one of {', '.join(known)}"
        raise ValueError(f"{place.strip('.`')}: {reason}" if place else reason) from error


def _find(name: str, folder: Path) -> Path:
    """Return the path of a preset, or of a file relative to `folder`."""
    for path in (PRESETS / f"{name}.toml", folder / name):
        if path.is_file():
            return path
    raise UserError(f"{name}: no such configuration", f"name a TOML file or one of the presets {', '.join(presets())}")


def _read(path: Path, extended_by: tuple[Path, ...]) -> dict[str, Any]:
    """Read a TOML file with the settings of the files that it extends."""
    if path in extended_by:
        raise UserError(f"{path}: extends itself", "remove one 'extends'")
    try:
        content = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a TOML file ({error})", "mend it or start from a preset") from error
    if (base := content.pop("extends", None)) is None:
        return content
    if not isinstance(base, str):
        raise ValueError(f"extends: Expected `str`, got `{type(base).__name__}`")
    return _merge(_read(_find(base, path.parent), (*extended_by, path)), content)


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with changes; tables are merged key by key, lists are replaced."""
    both = {
        key: _merge(base[key], value)
        for key, value in changes.items()
        if isinstance(value, dict) and isinstance(base.get(key), dict)
    }
    return base | changes | both
