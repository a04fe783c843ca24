"""Shards: equal parts of the work that programs on several machines share without knowing of one another."""

import os
from collections.abc import Mapping
from typing import NamedTuple, Self

SLURM = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN")
"""Variables of a Slurm array's task: its index, the number of tasks, and the lowest index."""

SLURM_STEP = "SLURM_ARRAY_TASK_STEP"
"""Variable with the distance of two indexes."""

KUBERNETES = ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS")
"""Variables of an indexed Job of Kubernetes: its index from 0, which Kubernetes sets, and the number of completions,
which the Job's manifest must set."""

ARRAY = "array"
"""Word for the shard that the environment names."""


class Shard(NamedTuple):
    """Part `number`, from 1, of `total` parts."""

    number: int
    total: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `3/40`, or `array` for the one that Slurm or Kubernetes names in the environment.

        Raises:
            ValueError: it is something else, or nothing in the environment names one.
        """
        if text == ARRAY:
            return cls.of_array(os.environ)
        number, _, count = text.partition("/")
        if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            raise ValueError(f"{text} is not a shard: write it as 3/40, or as {ARRAY}")
        return cls(int(number), int(count))

    @classmethod
    def of_array(cls, environment: Mapping[str, str]) -> Self:
        """Return the shard of a task of a Slurm array, or of an indexed Job of Kubernetes.

        Raises:
            ValueError: the environment is of neither.
        """
        if SLURM[0] in environment:
            index, count, least = _numbers(environment, SLURM)
            return cls((index - least) // int(environment.get(SLURM_STEP) or 1) + 1, count)
        if KUBERNETES[0] in environment:
            index, count = _numbers(environment, KUBERNETES)
            return cls(index + 1, count)
        raise ValueError(f"neither {SLURM[0]} nor {KUBERNETES[0]} is set: write the shard as 3/40")

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"


def _numbers(environment: Mapping[str, str], names: tuple[str, ...]) -> list[int]:
    for name in names:
        if not environment.get(name, "").isdecimal():
            raise ValueError(f"{name} is not set to a number, beside {names[0]}: set it, or write the shard as 3/40")
    return [int(environment[name]) for name in names]
