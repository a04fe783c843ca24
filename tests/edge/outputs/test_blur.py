"""Faces that nobody, and no detector, knows again."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.base.geometry import Area
from edge.faces.detector import YuNet
from edge.outputs.blur import COVERED_MARGIN, Blurred, hide, surroundings
from edge.sources.pixels import BgrPixels

from ..stand_ins import KeepingOutput, face, frame, picture, result

NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
BOX = (20, 15, 10, 10)


def changed(before, after):
    """The area of what differs."""
    rows, columns = np.nonzero((before != after).any(axis=2))
    return Area(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def around(box, margin=COVERED_MARGIN, image=NOISE):
    return surroundings(box, margin, BgrPixels(image))


def hidden_in(image, *boxes):
    return hide(BgrPixels(image), list(boxes)).bgr()


def at(seq, time, *faces, image=NOISE):
    return replace(result(seq, *faces), frame=frame(seq, image, captured=time))


def write_and_fail(output, results):
    with output:
        for one in results:
            output.write(one)
        raise ZeroDivisionError


class Pictures(KeepingOutput):
    def __enter__(self):
        self.images = []
        return super().__enter__()

    def write(self, result):
        super().write(result)
        self.images.append(result.frame.image)


def blurred(results):
    output = Pictures()
    with Blurred(output, detect_interval=0.2) as hiding:
        for one in results:
            hiding.write(one)
    assert output.seqs == [one.frame.seq for one in results], "all, in order"
    assert (output.entered, output.left, output.failed) == (1, 1, False)
    return output.images


class TestHide:
    def test_the_box_and_its_margin_change_and_nothing_else(self):
        hidden = hidden_in(NOISE, BOX)
        assert changed(NOISE, hidden) == around(BOX) == Area(16, 11, 34, 29)

    def test_little_is_left_of_what_was_there(self):
        assert len(np.unique(hidden_in(NOISE, BOX)[11:29, 16:34].reshape(-1, 3), axis=0)) <= 16

    def test_the_frame_itself_stays(self):
        before = NOISE.copy()
        hidden_in(NOISE, BOX)
        assert (before == NOISE).all()

    @pytest.mark.parametrize("box", [(-5, -5, 10, 10), (60, 44, 30, 30), (-50, -50, 10, 10), (200, 200, 5, 5)])
    def test_a_face_at_the_edge_or_beside_the_picture(self, box):
        assert hidden_in(NOISE, box).shape == NOISE.shape

    def test_a_detector_no_longer_finds_the_face(self, portrait, yunet):
        detector = YuNet(yunet, 320, 0.6)
        (found,) = detector.detect(portrait)
        hidden = hidden_in(portrait, found.box)
        assert detector.detect(hidden) == []
        near = around(found.box, 1.0, portrait)
        assert detector.detect(cv2.resize(hidden[near.rows, near.columns], (112, 112))) == []


class TestBlurred:
    @pytest.mark.parametrize("label", [3, None])
    def test_faces_with_and_without_a_label_are_hidden(self, label):
        (image,) = blurred([at(0, 0.0, face(label, box=BOX))])
        assert changed(NOISE, image) == around(BOX)

    def test_a_frame_without_faces_stays_as_it_is(self):
        (image,) = blurred([at(0, 0.0)])
        assert (image == NOISE).all()

    @pytest.mark.parametrize(
        ("seen", "hidden"),
        [
            # Frames wait for one that is more than a second later, which is here the third.
            pytest.param([4], [1, 2, 3, 4, 5, 6], id="before it was found and after"),
            pytest.param([7], [4, 5, 6, 7, 8], id="until the end"),
            pytest.param([0, 5], [0, 1, 2, 3, 4, 5, 6, 7], id="a face that stays where it is, lost for two seconds"),
        ],
    )
    def test_a_face_is_hidden_around_the_time_when_it_was_seen(self, seen, hidden):
        results = [at(i, i / 2, *[face(box=BOX)] * (i in seen)) for i in range(9)]
        images = blurred(results)
        assert [i for i, image in enumerate(images) if (image != NOISE).any()] == hidden

    def test_it_is_hidden_for_a_second_and_no_longer(self):
        images = blurred([at(i, i / 2, *[face(box=BOX)] * (i == 0)) for i in range(5)])
        assert [(image != NOISE).any() for image in images] == [True, True, True, False, False]

    def test_while_it_is_lost_it_is_hidden_on_its_whole_way(self):
        near, far, way = (20, 15, 10, 10), (44, 19, 10, 10), (20, 15, 34, 14)
        results = [at(0, 0.0, face(box=near)), at(1, 0.1), at(2, 0.9), at(3, 1.0, face(box=far)), at(4, 1.1)]
        assert [changed(NOISE, image) for image in blurred(results)[:-1]] == [
            around(box) for box in (near, way, way, far)
        ]

    def test_a_failure_reaches_the_output(self):
        output = KeepingOutput()
        with pytest.raises(ZeroDivisionError):
            write_and_fail(Blurred(output, 0.2), [result(0)])
        assert (output.left, output.failed, output.seqs) == (1, True, [])

    def test_only_so_many_frames_are_held_back(self):
        output = KeepingOutput()
        with Blurred(output, detect_interval=0.2) as hiding:
            for i in range(100):
                hiding.write(at(i, i / 10, image=picture()))
                assert len(output.seqs) >= i - 11
