"""Every knob of a training run, typed, each with its reason; a mistyped one fails.

A configuration is a small TOML file (see `train/presets/`) with exactly these fields.
"""

import math
import tomllib
import types
from bisect import bisect_right
from dataclasses import asdict, dataclass, fields, is_dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from edge.errors import UserError

PRESETS = Path(__file__).parent / "presets"


Labels = Literal["crowd", "folder"]
"""Kinds of label: how the crowd voted (labels.csv, or the folder where it is silent), or the folder's class."""


@dataclass(frozen=True)
class Stage:
    """One leg of the training, with a schedule of its own (warm-up, then cosine to a hundredth)."""

    epochs: int
    learning_rate: float  # peak, after the warm-up
    resolution: int  # pixels of the backbone's side: a smaller one learns the same features faster
    train_backbone: bool  # false: only the head learns, and the backbone's statistics stay as they were
    augment: bool  # false: faces as they will be met, but for the mirror image
    normalize: bool  # false: batch normalization is folded into the convolutions, for good, before the stage begins


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes made to each training face; 0 or false switches one off."""

    flip: bool  # mirror half of the faces: an expression has no left and right
    rotation: float  # degrees to either side
    scale: float  # relative, 0.1: from 0.9 to 1.1 times
    shift: float  # relative to the side
    contrast: float  # relative, about the face's own mean
    brightness: float  # of the full range, added
    erase: float  # probability of hiding a random rectangle with its mean
    blur: float  # largest share of a pixel that is its neighbourhood's mean; half of the faces stay sharp
    noise: float  # largest standard deviation of a pixel's noise, of the full range
    mix: float  # a of the Beta(a, a) by which two faces and their labels are blended (arXiv 1710.09412)

    def only_mirror(self) -> "Augmentation":
        """Without all that makes a face another picture than a camera's."""
        return Augmentation(self.flip, **{field.name: 0.0 for field in fields(self) if field.name != "flip"})


@dataclass(frozen=True)
class Config:
    """A training run. See the presets for values that were tried."""

    image_size: int  # pixels of a face as the model takes it
    grey: bool  # the faces are grey: the graph converts colour itself and the network is one plane deep
    alpha: float  # MobileNetV2's width multiplier
    head: tuple[int, ...]  # units of the dense layers between pooling and softmax
    dropout: float  # before each dense layer
    labels: tuple[Labels, ...]  # what is learnt, each by a head of its own on the same backbone
    label_smoothing: float  # share of a folder's label that is spread evenly over the classes; votes are soft already
    teachers: tuple[str, ...]  # whose answers are taught, too: runs, bundles, model files; none: an empty list
    teacher_share: float  # their part of a label
    batch_size: int
    shards: int  # parts of a batch that are normalized each by itself, and computed side by side on the cores
    weight_decay: float  # AdamW's, decoupled (arXiv 1711.05101)
    warmup: float  # share of a stage's steps in which the rate rises from zero
    momentum: float  # of the batch statistics, a shard
    average: float  # decay a step of the averaged weights that are evaluated and saved, less as a stage begins; 0: none
    mixed_precision: bool  # 16-bit arithmetic where the hardware has it
    seed: int  # of the weights, the order of the images and the augmentation
    augmentation: Augmentation
    stages: tuple[Stage, ...]

    @property
    def channels(self) -> int:
        return 1 if self.grey else 3

    @property
    def epochs(self) -> int:
        return sum(stage.epochs for stage in self.stages)

    def sees_own_grid(self, resolution: int) -> bool:
        """Whether faces are seen enlarged twofold, which the first convolution does by itself."""
        return resolution == 2 * self.image_size

    def stage_at(self, epoch: int) -> int:
        """Index of the stage that an epoch, counted from zero, belongs to."""
        ends = list(accumulate(stage.epochs for stage in self.stages))
        return bisect_right(ends, epoch)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, which give the same configuration by `from_dict`."""
        return asdict(self)


def presets() -> list[str]:
    """Names of the configurations that come with the package."""
    return sorted(path.stem for path in PRESETS.glob("*.toml"))


def load_config(name: str) -> Config:
    """Read a preset by name or a TOML file by path.

    Raises:
        UserError: no such file or preset, or a field is missing, unknown or of another type.
    """
    path = PRESETS / f"{name}.toml" if (PRESETS / f"{name}.toml").is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(presets())
        raise UserError(f"{name}: no such configuration", f"name a TOML file or one of the presets {known}")
    try:
        content = tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a TOML file ({error})", "mend it or start from a preset") from error
    try:
        return from_dict(content)
    except ValueError as error:
        raise UserError(f"{path}: {error}", "compare it with train/presets/edge.toml") from error


def from_dict(content: dict[str, Any]) -> Config:
    """Build a configuration from plain values.

    Raises:
        ValueError: a field is missing, unknown, of another type or out of range; the message names it.
    """
    config = _typed(Config, content, "")
    _check_ranges(config)
    return config


def _typed(kind: Any, value: Any, where: str) -> Any:
    """`value` as `kind`, which is a dataclass, a homogeneous tuple, a Literal or a plain type."""
    if is_dataclass(kind):
        return _typed_fields(kind, value, where)
    if get_origin(kind) is tuple:
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{where} must be a list")
        return tuple(_typed(get_args(kind)[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ValueError(f"{where} must be one of {', '.join(get_args(kind))}, not {value!r}")
        return value
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise ValueError(f"{where} must be {kind.__name__}, not {value!r}")
    return value


def _typed_fields(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{where or 'the configuration'} must be a table")
    known: types.MappingProxyType[str, Any] = types.MappingProxyType({f.name: f.type for f in fields(kind)})
    prefix = f"{where}." if where else ""
    if unknown := sorted(set(value) - set(known)):
        raise ValueError(f"unknown knob {prefix}{unknown[0]}")
    if missing := sorted(set(known) - set(value)):
        raise ValueError(f"missing knob {prefix}{missing[0]}")
    return kind(**{name: _typed(type_, value[name], prefix + name) for name, type_ in known.items()})


def _check_ranges(config: Config) -> None:
    own_grid = [config.sees_own_grid(stage.resolution) for stage in config.stages]
    shares = ("teacher_share", "dropout", "label_smoothing", "warmup", "momentum", "average")
    checks = [(0 <= getattr(config, name) < 1, f"{name} must lie in [0, 1)") for name in shares]
    checks += [
        (config.image_size >= 16, "image_size must be at least 16"),
        (config.alpha > 0, "alpha must be positive"),
        (config.batch_size >= 1, "batch_size must be at least 1"),
        (
            config.shards >= 1 and config.batch_size % config.shards == 0,
            "shards must divide batch_size",
        ),
        (len(config.labels) >= 1, "labels must name at least one kind"),
        (len(set(config.labels)) == len(config.labels), "labels must name each kind once"),
        (config.seed >= 0, "seed must not be negative"),
        (len(config.stages) >= 1, "stages must have at least one entry"),
        (
            all(s.epochs >= 1 and 0 < s.learning_rate < math.inf for s in config.stages),
            "each stage needs epochs and a rate",
        ),
        (all(s.resolution >= 32 for s in config.stages), "a stage's resolution must be at least 32"),
        (all(units >= 1 for units in config.head), "head must list positive widths"),
        (
            all(after.normalize <= before.normalize for before, after in pairwise(config.stages)),
            "a stage cannot normalize after one that does not",
        ),
        (
            own_grid == sorted(own_grid),
            "a stage after one at twice image_size must be at twice image_size, too",
        ),
    ]
    checks += [
        (value >= 0, f"augmentation.{name} must not be negative") for name, value in asdict(config.augmentation).items()
    ]
    for ok, message in checks:
        if not ok:
            raise ValueError(message)
