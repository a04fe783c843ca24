"""Figures of a report: seconds, persons and episodes, in memory that stays the same."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.base.classes import EMOTIONS
from edge.faces.events import EVERY_CHANGE, Events
from edge.report import digest as digest_module
from edge.report.charts import timeline
from edge.report.digest import TIMELINE_BINS, Digest

from ..stand_ins import face, frame, picture, result, unread

HAPPY, SAD = EMOTIONS.index("happy"), EMOTIONS.index("sad")


def at(seq, time, *faces, image=None):
    return replace(result(seq, *faces), frame=frame(seq, image, captured=time))


def digested(results, pictures=False):
    events = Events(EVERY_CHANGE)
    with Digest(pictures, EMOTIONS) as digest:
        for one in results:
            digest.write(events.add_to(one))
    return digest


def write_and_fail(output, results):
    with output:
        for one in results:
            output.write(one)
        raise ZeroDivisionError


def every_tenth(*faces_of_frames):
    return [at(i, i / 10, *faces) for i, faces in enumerate(faces_of_frames)]


def seconds(person):
    return {state: round(float(s), 6) for state, s in zip(person.states, person.seconds, strict=True) if s}


def told(episode):
    times = (round(t, 6) for t in (episode.start, episode.end, episode.peak_time))
    return (episode.person, episode.before, episode.emotion, *times, round(episode.peak, 3))


def test_frames_and_faces_are_counted():
    digest = digested(every_tenth([], [face()], [face(), face(number=2)], []))
    assert (digest.frames, digest.frames_with_faces, digest.faces) == (4, 2, 3)
    assert digest.size == (64, 48)
    assert digest.duration == pytest.approx(0.4), "the last frame lasts as long as the one before it"


def test_a_face_counts_until_the_next_frame():
    digest = digested([at(0, 0.0, face(HAPPY)), at(1, 0.5, face(SAD)), at(2, 0.6, face(SAD)), at(3, 0.9)])
    (person,) = digest.persons
    assert seconds(person) == {"happy": 0.5, "sad": 0.4}
    assert (person.first, person.last, person.present) == (0.0, 0.6, pytest.approx(0.9))


@pytest.mark.parametrize(("reason", "state"), [("unsure", "unsure"), *((r, "not judged") for r in ("small", "turned"))])
def test_without_a_label_the_reason_counts(reason, state):
    shown = replace(face(None), reason=reason) if reason == "unsure" else unread(reason)
    digest = digested(every_tenth(*[[shown]] * 3))
    (person,) = digest.persons
    assert seconds(person) == {state: 0.3}
    judged = person.bins[:, len(person.states) :].sum()
    assert judged == pytest.approx(0.3 if state == "unsure" else 0), "what cannot be judged has no probabilities"
    assert digest.episodes == []


def test_the_figure_of_a_person_who_was_never_read_has_no_means():
    digest = digested(every_tenth(*[[unread("small")]] * 3))
    (person,) = digest.persons
    drawn = timeline(person, digest.width, digest.duration)
    assert (drawn.count(">–<"), "0%<" in drawn.split("<svg width")[0]) == (len(EMOTIONS), False)


def test_an_episode_has_start_end_and_peak():
    shown = [(None, 0.3), (HAPPY, 0.5), (HAPPY, 0.9), (HAPPY, 0.8), (SAD, 0.6), (SAD, 0.7)]
    digest = digested(every_tenth(*([replace(face(label, p), reason=None)] for label, p in shown)))
    assert [told(episode) for episode in digest.episodes] == [
        (1, None, "happy", 0.1, 0.4, 0.2, 0.9),
        (1, "happy", "sad", 0.4, 0.5, 0.5, 0.7),
    ]
    assert digest.persons[0].episodes == {"happy": 1, "sad": 1}


def test_an_episode_ends_when_the_person_was_last_seen():
    digest = digested([at(0, 0.0, face(HAPPY)), at(1, 0.5, face(HAPPY)), at(2, 1.0), at(3, 3.0), at(4, 4.0)])
    assert [(e.start, e.end) for e in digest.episodes] == [(0.0, 0.5)]


def test_a_moment_out_of_sight_does_not_end_an_episode():
    digest = digested([at(0, 0.0, face(HAPPY)), at(1, 0.5), at(2, 1.0, face(HAPPY)), at(3, 1.5, face(HAPPY))])
    assert [(e.start, e.end) for e in digest.episodes] == [(0.0, 1.5)]
    assert seconds(digest.persons[0]) == {"happy": 1.5}, "unseen time is nobody's"


def test_the_picture_is_of_the_peak():
    colours = [(0, 0, 200), (0, 200, 0), (200, 0, 0)]
    frames = [
        at(i, i / 10, face(HAPPY, p), image=picture(colour))
        for i, (p, colour) in enumerate(zip((0.5, 0.9, 0.6), colours, strict=True))
    ]
    (episode,) = digested(frames, pictures=True).episodes
    image = cv2.imdecode(np.frombuffer(episode.picture, np.uint8), cv2.IMREAD_COLOR)
    assert max(image.shape[:2]) == digest_module.PICTURE_SIDE
    assert image.mean(axis=(0, 1)) == pytest.approx([0, 200, 0], abs=5)
    assert digested(frames).episodes[0].picture is None


def test_parts_double_and_no_second_is_lost():
    results = [at(i, float(i), face(HAPPY if i < 3000 else SAD)) for i in range(5000)]
    digest = digested(results)
    (person,) = digest.persons
    assert TIMELINE_BINS / 2 <= digest.duration / digest.width <= TIMELINE_BINS
    assert seconds(person) == {"happy": 3000, "sad": 2000}
    happy = person.bins[:, HAPPY]
    assert np.flatnonzero(happy).max() == int(2999.9 // digest.width)
    assert person.bins.shape == (TIMELINE_BINS, 9 + len(EMOTIONS))


def test_a_part_that_begins_at_the_end_is_empty():
    # The rest that rounding leaves there would draw a curve that ends at nought.
    for frames in range(230, 260):
        digest = digested([at(i, i * 0.04, face(HAPPY)) for i in range(frames)])
        (person,) = digest.persons
        shown = person.bins[:, HAPPY]
        assert shown[shown > 0].min() > 0.001


def test_of_many_persons_those_who_stay_longest_have_figures(monkeypatch):
    monkeypatch.setattr(digest_module, "PERSONS", 3)
    visits = [(number, 1 + number % 7) for number in range(1, 30)]
    frames, time = [], 0.0
    for number, length in visits:
        frames += [at(0, time + i / 10, face(HAPPY, number=number)) for i in range(length)]
        frames.append(at(0, time + length / 10))
        time += 5
    digest = digested(frames)
    assert digest.left_out == len(visits) - 3
    assert {1 + person.id % 7 for person in digest.persons} == {7}
    everybody = digest.left_out_seconds + sum(person.present for person in digest.persons)
    assert everybody == pytest.approx(sum(length / 10 for _, length in visits)), "nobody's time is lost"


def test_those_who_are_still_there_take_nobodys_place(monkeypatch):
    monkeypatch.setattr(digest_module, "PERSONS", 2)
    stays = {1: 10, 2: 10, 3: 13, 4: 13, 5: 13}
    frames = [
        at(i, i / 10, *[face(number=number) for number, end in stays.items() if i < end and (number < 3 or i >= 9)])
        for i in range(14)
    ]
    digest = digested([*frames, at(14, 5.0)])
    assert [person.id for person in digest.persons] == [1, 2]


def test_of_many_episodes_the_longest_of_each_emotion_are_kept(monkeypatch):
    monkeypatch.setattr(digest_module, "LONGEST", 2)
    monkeypatch.setattr(digest_module, "PICTURED", 1)
    frames, time = [], 0.0
    for length, label in [(1, HAPPY), (4, SAD), (3, HAPPY), (1, SAD), (2, HAPPY), (2, SAD)]:
        frames += [at(0, time + i, face(label)) for i in range(length)]
        time += length
    digest = digested([*frames, at(0, time, face(None))], pictures=True)
    assert [(e.emotion, e.duration, e.picture is not None) for e in digest.episodes] == [
        *(("sad", 4, True), ("happy", 3, True), ("happy", 2, False), ("sad", 2, False)),
    ]
    assert digest.episodes_seen == digest.persons[0].episodes.total() == 6, "all are counted"


def test_a_run_that_failed_ends_nothing():
    digest = Digest(False, EMOTIONS)
    with pytest.raises(ZeroDivisionError):
        write_and_fail(digest, [Events(EVERY_CHANGE).add_to(at(0, 0.0, face()))])
    assert digest.episodes == []
