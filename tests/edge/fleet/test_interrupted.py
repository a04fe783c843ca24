"""Power cuts, a full disk, and many boards at once: every board ends with a whole bundle."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..patience import LONG

ROOT = Path(__file__).parents[3]
PROGRAM = Path(__file__).with_name("faulty_updates.py")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="updates are for systems with fork")


@pytest.fixture
def board(publisher, board):
    """A board with two releases, so that the update to a third has one to remove."""
    for name in ("first", "second"):
        publisher.publish(name)
        assert board.update() == 0
    publisher.publish("third")
    return board


def lines(*arguments: object) -> list[str]:
    """Output of the program of faulty updates."""
    words = [sys.executable, str(PROGRAM), *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=14 * LONG)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "status"), [("kill", -9), ("full", 2)])
def test_each_step_of_an_update(board, fault, status):
    *faulty, last = map(json.loads, lines("steps", fault, board.folder, board.address))
    assert len(faulty) > 20
    assert last["status"] == 0, "every step had its turn"
    for found in faulty:
        assert found["status"] == status, found
        assert found["whole"], found
        assert found["version"] in (2, 3), found
        assert found["again"] == 0, found
        assert found["after"]["whole"] and found["after"]["version"] == 3, found
        assert len(found["after"]["names"]) <= 2, "what was left is removed"
    if fault == "kill":
        assert {found["version"] for found in faulty} == {2, 3}, "before and after the switch"
    else:
        assert all(len(found["errors"]) == 1 and "No space left on device" in found["errors"][0] for found in faulty)


@pytest.mark.slow
def test_two_hundred_boards_of_which_one_of_ten_is_killed(publisher, board, tmp_path):
    crowd = tmp_path / "crowd"
    crowd.mkdir()
    (result,) = lines("crowd", crowd, board.address, publisher.root, 200)
    boards = json.loads(result)
    assert len(boards) == 200
    assert sum(found["status"] == -9 for found in boards) == 20
    assert all(found["status"] == 0 or found["again"] == 0 for found in boards)
    assert all(found["whole"] and found["version"] == 3 for found in boards)
