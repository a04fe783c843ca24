"""Division of the tasks of an archive among shards, the same on every machine."""

from collections.abc import Sequence
from heapq import heapify, heapreplace

from edge.base.shard import Shard
from edge.report.task import Task


def part_of(shard: Shard | None, tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks of a shard in their order, all of them without one; shards have about as many bytes each.

    Each shard computes the parts of all and must find the same videos, so the division does not depend on what is done.
    """
    if shard is None:
        return list(tasks)
    loads = [(0, number) for number in range(1, shard.total + 1)]
    heapify(loads)
    mine = []
    for size, place in sorted(((task.size, place) for place, task in enumerate(tasks)), key=lambda pair: -pair[0]):
        load, number = loads[0]
        heapreplace(loads, (load + size, number))
        if number == shard.number:
            mine.append(place)
    return [tasks[place] for place in sorted(mine)]
