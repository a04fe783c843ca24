"""A model that has learnt nothing is not exported."""

import numpy as np
import pytest

from edge.base.errors import UserError
from export.chance import require_better_than_chance
from train.evaluation.metrics import score

CLASSES = ("smiling", "not smiling")


def scores(truth, answers):
    return score(np.array(truth), np.eye(2)[np.array(answers)])


def test_one_class_for_all_is_refused():
    with pytest.raises(UserError, match="predicts not smiling for all 10 images"):
        require_better_than_chance(scores([0] + [1] * 9, [1] * 10), CLASSES)


@pytest.mark.parametrize("right", [10, 12])
def test_guessing_is_refused(right):
    truth = [0, 1] * 10
    answers = truth[:right] + [1 - label for label in truth[right:]]
    with pytest.raises(UserError, match="not better than chance: its mean recall is"):
        require_better_than_chance(scores(truth, answers), CLASSES)


def test_the_commonest_class_alone_is_no_merit():
    truth = [0] * 5 + [1] * 95
    with pytest.raises(UserError, match="not better than chance"):
        require_better_than_chance(scores(truth, [1] * 5 + [0] * 4 + [1] * 91), CLASSES)


def test_a_model_that_tells_classes_apart_passes():
    truth = [0, 1] * 10
    require_better_than_chance(scores(truth, truth[:16] + [1 - label for label in truth[16:]]), CLASSES)
