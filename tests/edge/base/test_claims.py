"""Claims on work that several processes may find."""

import signal
import subprocess
import sys

from edge.base.files import claim_owner, claimed

HOLD = """
import sys, pathlib
from edge.base.files import claimed
with claimed(pathlib.Path(sys.argv[1])) as granted:
    print(granted, flush=True)
    sys.stdin.read()
"""


def hold(path):
    """Another process that claims `path` until its input ends; gives it and whether the claim was granted."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip() == "True"


def test_a_claim_is_granted_once_and_leaves_no_file(tmp_path):
    path = tmp_path / "deeper" / ".a.claim"
    with claimed(path, "walk/a.mp4") as granted:
        assert granted
        assert claim_owner(path) == "walk/a.mp4"
        with claimed(path) as again:
            assert not again
        assert claim_owner(path) == "walk/a.mp4", "whoever was refused removes nothing"
    assert not path.exists()
    assert claim_owner(path) is None
    with claimed(path) as granted:
        assert granted


def test_other_processes_see_it_and_one_that_is_killed_holds_nothing(tmp_path):
    path = tmp_path / ".a.claim"
    with claimed(path):
        process, granted = hold(path)
        assert not granted
        process.communicate()
    process, granted = hold(path)
    assert granted
    with claimed(path) as ours:
        assert not ours
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert path.exists()
    with claimed(path) as ours:
        assert ours


def test_a_claim_on_a_file_that_its_owner_has_just_removed_is_none(tmp_path, monkeypatch):
    path = tmp_path / ".a.claim"
    flock = __import__("fcntl").flock

    def removed_before(handle, how):
        path.unlink()
        flock(handle, how)

    monkeypatch.setattr("fcntl.flock", removed_before)
    with claimed(path) as granted:
        assert not granted
