"""The hand-over between threads: what is kept, what is dropped, who waits and who is woken."""

import threading
import weakref

import pytest

from edge.pipeline.channel import Channel, Closed

from ..patience import LONG, patiently

"""Seconds after which a thread that should have been woken counts as asleep for ever."""


def in_thread(function, *arguments):
    """Run in a thread; calling what this returns waits for its end and gives (result, exception)."""
    outcome = []

    def run():
        try:
            outcome.append((function(*arguments), None))
        except Exception as error:  # noqa: BLE001 - handed to the test
            outcome.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def ended():
        thread.join(LONG)
        assert outcome, "the thread was never woken"
        return outcome[0]

    return ended


@pytest.mark.parametrize(
    ("capacity", "drop_oldest", "put", "kept", "dropped"),
    [
        pytest.param(4, False, [1, 2, 3], [1, 2, 3], 0, id="in order"),
        pytest.param(4, True, [1, 2, 3], [1, 2, 3], 0, id="nothing dropped while there is room"),
        pytest.param(1, True, [1, 2, 3], [3], 2, id="only the newest"),
        pytest.param(2, True, [1, 2, 3, 4, 5], [4, 5], 3, id="the two newest, in order"),
        pytest.param(1, True, [], [], 0, id="nothing"),
    ],
)
def test_what_was_put_before_the_end_is_taken_after_it(capacity, drop_oldest, put, kept, dropped):
    channel = Channel(capacity, drop_oldest=drop_oldest)
    for item in put:
        channel.put(item)
    channel.close()
    assert list(channel) == kept
    assert channel.dropped == dropped


@pytest.mark.parametrize(
    ("capacity", "kept"),
    [pytest.param(1, ["abcde"], id="one waits"), pytest.param(2, ["abcd", "e"], id="two wait")],
)
def test_what_is_dropped_is_merged_into_what_follows_it(capacity, kept):
    channel = Channel(capacity, drop_oldest=True, merge=lambda dropped, following: dropped + following)
    for item in "abcde":
        channel.put(item)
    channel.close()
    assert list(channel) == kept
    assert channel.dropped == 5 - capacity


def test_a_full_channel_that_drops_nothing_makes_the_producer_wait():
    channel, total = Channel(3, drop_oldest=False), 200
    taken, ahead = [], []

    def produce():
        for i in range(total):
            channel.put(i)
            ahead.append(i + 1 - len(taken))
        channel.close()

    ended = in_thread(produce)
    while True:
        taken.append(None)  # noted before it is taken: the producer may be ahead of this by the capacity, and no more
        try:
            taken[-1] = channel.get()
        except Closed:
            break
    ended()
    assert taken[:-1] == list(range(total))
    assert max(ahead) <= 3
    assert channel.dropped == 0


def test_a_waiting_consumer_is_woken_by_an_item():
    channel = Channel(1, drop_oldest=False)
    ended = in_thread(channel.get)
    channel.put("item")
    assert ended() == ("item", None)


@pytest.mark.parametrize("discard", [False, True])
def test_a_waiting_consumer_is_woken_by_the_end(discard):
    channel = Channel(1, drop_oldest=False)
    ended = in_thread(channel.get)
    channel.close(discard=discard)
    assert isinstance(ended()[1], Closed)


@pytest.mark.parametrize("discard", [False, True])
def test_a_waiting_producer_is_woken_by_the_end(discard):
    channel = Channel(1, drop_oldest=False)
    channel.put(1)
    ended = in_thread(channel.put, 2)
    channel.close(discard=discard)
    assert isinstance(ended()[1], Closed)
    assert list(channel) == ([] if discard else [1])


@pytest.mark.parametrize("drop_oldest", [False, True])
def test_nothing_can_be_put_after_the_end(drop_oldest):
    channel = Channel(1, drop_oldest=drop_oldest)
    channel.close()
    with pytest.raises(Closed):
        channel.put(1)
    assert list(channel) == []


def test_discarding_throws_away_what_was_not_taken():
    channel = Channel(4, drop_oldest=False)
    channel.put(1)
    channel.close(discard=True)
    with pytest.raises(Closed):
        channel.get()


def test_closing_twice_is_one_end():
    channel = Channel(4, drop_oldest=False)
    channel.put(1)
    channel.close()
    channel.close()
    assert list(channel) == [1]


def test_poll_gives_none_when_nothing_comes_in_time_and_what_is_there_at_once():
    channel = Channel(2, drop_oldest=False)
    assert channel.poll(0) is None
    assert channel.poll(0.01) is None
    channel.put(0)
    assert channel.poll(0) == 0, "an item that is false is an item"
    channel.close()
    with pytest.raises(Closed):
        channel.poll(0)


def sized(capacity=10, most_bytes=100, *, drop_oldest=False):
    """A channel of numbers, each of which stands for so many bytes."""
    return Channel(capacity, drop_oldest=drop_oldest, most_bytes=most_bytes, size_of=int)


@pytest.mark.parametrize(
    ("put", "kept", "dropped"),
    [
        pytest.param([40, 60], [40, 60], 0, id="as much as there may be"),
        pytest.param([40, 60, 1], [60, 1], 1, id="a byte more"),
        pytest.param([10] * 12, [10] * 10, 2, id="items count, too"),
        pytest.param([40, 40, 90], [90], 2, id="one for two"),
        pytest.param([40, 500], [500], 1, id="a larger one is alone"),
        pytest.param([500, 501, 10], [10], 2, id="and makes room"),
    ],
)
def test_bytes_are_bounded_by_dropping(put, kept, dropped):
    channel = sized(drop_oldest=True)
    for item in put:
        channel.put(item)
    channel.close()
    assert list(channel) == kept
    assert channel.dropped == dropped


def test_bytes_are_bounded_by_waiting_until_the_consumer_has_finished():
    channel, put = sized(), []

    def produce():
        for item in (60, 40, 30, 500, 500):
            channel.put(item)
            put.append(item)

    ended = in_thread(produce)
    patiently(lambda: put == [60, 40])
    assert channel.get() == 60
    assert channel.poll(0) == 40, "60 are finished, and 30 fit beside 40"
    assert channel.get() == 30
    assert channel.get() == 500
    assert put == [60, 40, 30, 500], "the next waits for the consumer to come back"
    assert channel.get() == 500
    assert ended() == (None, None)


def test_a_producer_that_waits_for_room_goes_on_when_the_consumer_has_finished():
    channel, waited = sized(), []

    def produce():
        for size in (60, 40, 41, 500):
            channel.wait_for_room(size)
            waited.append(size)
            channel.put(size)

    ended = in_thread(produce)
    patiently(lambda: waited == [60, 40])
    assert [channel.get(), channel.get()] == [60, 40]
    patiently(lambda: waited == [60, 40, 41])
    assert channel.get() == 41
    assert waited == [60, 40, 41], "what is at work counts"
    assert channel.get() == 500
    assert ended() == (None, None)


def test_closing_ends_a_wait_for_room():
    channel = sized()
    channel.put(90)
    ended = in_thread(channel.wait_for_room, 90)
    channel.close()
    assert ended() == (None, None)


def test_there_is_always_room_where_the_oldest_is_dropped():
    channel = sized(drop_oldest=True)
    channel.put(90)
    assert in_thread(channel.wait_for_room, 90)() == (None, None)


def test_the_newest_is_kept_beside_a_large_one_at_work():
    channel = sized(drop_oldest=True)
    channel.put(500)
    assert channel.get() == 500
    channel.put(501)
    channel.put(502)
    assert channel.get() == 502
    assert channel.dropped == 1


def test_what_is_discarded_takes_no_room():
    channel = sized()
    channel.put(90)
    channel.close(discard=True)
    assert len(channel) == 0


def test_handing_over_keeps_nothing_while_it_waits():
    class Item:
        pass

    channel, taken = Channel(1, drop_oldest=False), []

    def take(item):
        taken.append(weakref.ref(item))

    ended = in_thread(channel.hand_to, take)
    channel.put(Item())
    patiently(lambda: taken and taken[0]() is None)
    channel.close()
    assert ended() == (None, None)


def test_an_error_of_the_taker_is_no_end_of_the_channel():
    def take(item):
        raise Closed

    channel = Channel(1, drop_oldest=False)
    channel.put(1)
    with pytest.raises(Closed):
        channel.hand_to(take)
