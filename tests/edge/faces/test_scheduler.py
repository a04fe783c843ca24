"""Whose turn it is to be read."""

from edge.faces.scheduler import ClassificationScheduler


def test_few_enough_are_read_in_every_frame():
    turns = ClassificationScheduler()
    assert [turns.take([7, 8], 2) for _ in range(3)] == [{7, 8}] * 3


def test_a_crowd_takes_turns_and_nobody_waits_for_ever():
    turns, crowd = ClassificationScheduler(), list(range(8))
    assert turns.take(crowd, 2) == set(crowd), "new faces have no answer yet"
    read = [turns.take(crowd, 2) for _ in range(8)]
    assert all(len(turn) == 2 for turn in read)
    assert all(sum(face in turn for turn in read) == 2 for face in crowd)


def test_a_face_that_comes_back_is_read_at_once():
    turns = ClassificationScheduler()
    turns.take([1, 2], 1)
    turns.take([2], 1)
    assert turns.take([2, 1], 1) == {1, 2}
