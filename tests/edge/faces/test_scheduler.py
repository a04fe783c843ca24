"""Turns of the faces to be read."""

from edge.faces.scheduler import ClassificationScheduler


def anybody(face):
    return True


def all_but(*faces):
    return lambda face: face not in faces


def test_few_enough_are_read_in_every_frame():
    turns = ClassificationScheduler()
    assert [turns.take([7, 8], 2, anybody) for _ in range(3)] == [{7, 8}] * 3


def test_a_crowd_takes_turns_and_nobody_waits_for_ever():
    turns, crowd = ClassificationScheduler(), list(range(8))
    assert turns.take(crowd, 2, anybody) == set(crowd), "new faces have no answer yet"
    read = [turns.take(crowd, 2, anybody) for _ in range(8)]
    assert all(len(turn) == 2 for turn in read)
    assert all(sum(face in turn for turn in read) == 2 for face in crowd)


def test_a_face_that_comes_back_is_read_at_once():
    turns = ClassificationScheduler()
    turns.take([1, 2], 1, anybody)
    turns.take([2], 1, anybody)
    assert turns.take([2, 1], 1, anybody) == {1, 2}


def test_turns_are_for_those_who_can_be_read():
    turns, crowd = ClassificationScheduler(), list(range(8))
    turns.take(crowd, 2, anybody)
    read = [turns.take(crowd, 2, all_but(0, 2, 4, 6)) for _ in range(4)]
    assert all(len(turn) == 2 for turn in read)
    assert all(sum(face in turn for turn in read) == 2 for face in (1, 3, 5, 7))


def test_who_can_be_read_again_is_among_the_first_and_no_more_than_the_limit():
    turns, crowd = ClassificationScheduler(), list(range(4))
    turns.take(crowd, 2, anybody)
    turns.take(crowd, 2, all_but(0, 1))
    turns.take(crowd, 2, all_but(0, 1))
    assert turns.take(crowd, 2, anybody) == {0, 1}


def test_who_could_never_be_read_is_read_as_soon_as_possible():
    turns = ClassificationScheduler()
    assert turns.take([1, 2], 1, all_but(2)) == {1}
    assert turns.take([1, 2], 1, all_but(2)) == {1}
    assert turns.take([1, 2], 1, anybody) == {1, 2}


def test_nobody_is_asked_out_of_turn():
    turns, crowd, asked = ClassificationScheduler(), list(range(8)), []
    turns.take(crowd, 2, anybody)
    turns.take(crowd, 2, lambda face: asked.append(face) or True)
    assert len(asked) == 2
