"""One stage of a training: network, optimizer and EMA of the weights."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from edge.base.errors import UserError
from edge.model.manifest import LabelSet
from train import devices, run
from train.config import Config, Stage
from train.dataset import Labelled
from train.input_pipeline import Batches, batch_size, steps_per_epoch, training_order, whole_order
from train.learner import Learner
from train.model import build_network, copy_weights, deployable, transfer_backbone, transfer_heads
from train.pretrained import load_pretrained

DIVERGED = 8.0
"""Loss of a head from which training does not recover: chance costs 1.9, certain and wrong answers 16."""


class Trainer:
    """Network, optimizer and EMA of the weights for one stage."""

    def __init__(
        self,
        config: Config,
        stage: int,
        images: int,
        previous: "Trainer | None" = None,
        teachers: Sequence[keras.Model] = (),
    ) -> None:
        """Build a stage's network; it starts from the EMA of `previous`, if given."""
        self.config, self.stage, self._images = config, stage, images
        settings = config.stages[stage]
        # Seeded by stage: a resumed run has built fewer networks before this one, and must draw the same numbers.
        keras.utils.set_random_seed(config.seed + stage)
        with _precision(config):
            self.network = build_network(config, settings.resolution, batch_norm=settings.batch_norm, training=True)
        if previous:
            with previous.averaged():
                copy_weights(previous.network, self.network)
        self._plain = build_network(config, settings.resolution)
        self._deployable = {name: deployable(self._plain, name) for name in config.labels}
        self.network.get_layer("backbone").trainable = settings.train_backbone
        self._optimizer = _optimizer(config, settings, steps_per_epoch(config, images) * settings.epochs)
        self._optimizer.build(self.network.trainable_variables)
        self.learner = Learner(config, stage, self.network, batch_size(config, images), teachers)
        # Compiled, a CPU trains at half the speed under TensorFlow.
        self.learner.compile(self._optimizer, jit_compile=keras.backend.backend() == "jax")

    def initialize(self, weights: str) -> None:
        """Load pretrained weights into the backbone, or all that fits of another run."""
        if weights == "none":
            return
        if Path(weights).is_dir():
            source = ema_of_run(Path(weights), fits=self.config)
            transfer_heads(source, self.network)
        else:
            source = build_network(self.config, self.config.image_size, batch_norm=True)
            load_pretrained(source, self.config, weights)
        transfer_backbone(source, self.network)

    def variables(self) -> list[keras.Variable]:
        """Return all state in a fixed order: network (with its dropout's generators), optimizer with EMA, generator."""
        return [*self.network.variables, *self._optimizer.variables, self.learner.seed.state]

    def fit(self, training: Labelled, first: int, end: int, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        """Train the epochs from `first` to `end`, which belongs to them no more."""
        batches = Batches(training, training_order(self.config, self._images, first))

        def reorder(epoch: int, logs: object) -> None:
            batches.order = training_order(self.config, self._images, epoch)

        each_epoch = keras.callbacks.LambdaCallback(on_epoch_begin=reorder)
        # The batches have an order already; Keras would shuffle them by a generator whose state no run restores.
        self.learner.fit(
            batches,
            initial_epoch=first,
            epochs=end,
            shuffle=False,
            verbose=0,
            callbacks=[each_epoch, *callbacks],
        )

    def validate(self, validation: Labelled) -> dict[str, float]:
        """Return loss and accuracy of the EMA on unchanged faces, by label set."""
        order = whole_order(len(validation.images), batch_size(self.config, self._images))
        with self.averaged():
            figures = self.learner.evaluate(Batches(validation, order), verbose=0, return_dict=True)
        return {f"val_{name}": float(value) for name, value in figures.items() if name != "loss"}

    def finite(self) -> bool:
        """Return True if all weights are finite: the loss need not show it, since ReLU may turn NaN into zero."""
        return all(np.isfinite(keras.ops.convert_to_numpy(weight)).all() for weight in self.network.weights)

    def ema_model(self, label_set: LabelSet) -> keras.Model:
        """Return the deployable model of a label set with the EMA's weights (the network's where EMA is disabled)."""
        with self.averaged():
            copy_weights(self.network, self._plain)
        return self._deployable[label_set]

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Put the EMA into the network for the time; there is none before the first step."""
        trainable = self.network.trainable_variables
        weights = _values(trainable)
        if int(self._optimizer.iterations):
            self._optimizer.finalize_variable_values(trainable)
            _assign(trainable, _values(trainable))  # else JAX shares arrays, which evaluation frees
        try:
            yield
        finally:
            _assign(trainable, weights)


def diverged(problem: str) -> UserError:
    """Return the error for a training that cannot go on."""
    return UserError(problem, "lower learning_rate and train again; the last finished epoch is kept")


def ema_of_run(folder: Path, fits: Config | None = None) -> keras.Model:
    """Return the network of a run with the EMA after its last epoch.

    Args:
        folder: of the run.
        fits: a configuration whose first stage is to start from it.

    Raises:
        UserError: there is no run with a finished epoch, or its backbone does not fit.
    """
    theirs, progress = run.load_run_config(folder), run.load_progress(folder)
    if not progress.epochs:
        raise UserError(f"{folder}: the run has no finished epoch", "train it first")
    stage = theirs.stage_at(progress.epochs - 1)
    if fits:
        _check_fits(folder, theirs, theirs.stages[stage], fits)
    trainer = Trainer(theirs, stage, images=theirs.batch_size)
    run.load_variables(folder, trainer.variables())
    with _precision(theirs):
        source = build_network(theirs, theirs.stages[stage].resolution, batch_norm=theirs.stages[stage].batch_norm)
    with trainer.averaged():
        copy_weights(trainer.network, source)
    return source


def _check_fits(folder: Path, theirs: Config, last: Stage, config: Config) -> None:
    """Refuse a run whose backbone cannot initialize the first stage of a configuration."""
    first = config.stages[0]
    if theirs.network != config.network:
        problem = f"{folder}: the run's network is {theirs.network}, not {config.network}"
        raise UserError(problem, "start from another run")
    if theirs.alpha < config.alpha or theirs.grey != config.grey:
        known = f"alpha = {theirs.alpha}, grey = {theirs.grey}".lower()
        raise UserError(
            f"{folder}: the run's network is narrower or has other input channels ({known})", "start from another run"
        )
    if theirs.uses_folded_2x_stem(last.resolution) and not config.uses_folded_2x_stem(first.resolution):
        raise UserError(
            f"{folder}: the run's last resolution is twice its image_size, which changes the first convolution",
            f"set resolution = {2 * config.image_size} in the first stage, or start from another run",
        )
    if first.batch_norm and not last.batch_norm:
        raise UserError(
            f"{folder}: the run ended without batch normalization", "set batch_norm = false in the first stage"
        )


def _optimizer(config: Config, stage: Stage, steps: int) -> keras.optimizers.Optimizer:
    warmup = max(1, int(steps * config.warmup_fraction))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, max(1, steps - warmup), alpha=0.01, warmup_target=stage.learning_rate, warmup_steps=warmup
    )
    ema = {"use_ema": config.ema_decay > 0, "ema_momentum": config.ema_decay}
    optimizer = keras.optimizers.AdamW(schedule, config.weight_decay, beta_2=config.adam_beta_2, **ema)
    # Normalization and biases have no scale that decay could keep small.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _values(variables: Sequence[keras.Variable]) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in variables]


def _assign(variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


@contextmanager
def _precision(config: Config) -> Iterator[None]:
    """Set the dtype policy of layers that are built inside; what is saved is always built in float32."""
    before = keras.config.dtype_policy()
    mixed = config.mixed_precision and devices.accelerated()
    keras.config.set_dtype_policy("mixed_bfloat16" if mixed else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
