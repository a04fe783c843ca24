"""The cache folder of users with a home, without one, and with somebody else's."""

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edge.base.cache import cache_folder
from edge.base.errors import UserError

ROOT = Path(__file__).parents[3]
USER = 47110
"""Number of a user whom the system does not know."""

posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="users without a home are those of POSIX")
as_root = pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="only root may run something as another user"
)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The system's temporary folder."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(folder))
    return folder


def at_home(monkeypatch, home):
    monkeypatch.setattr("os.path.expanduser", lambda path: str(home))


def test_the_order(tmp_path, monkeypatch):
    at_home(monkeypatch, tmp_path)
    named = {"EMOTION_EDGE_CACHE": "/a", "XDG_CACHE_HOME": "/b"}
    assert cache_folder(named) == Path("/a")
    assert cache_folder({"XDG_CACHE_HOME": "/b"}) == Path("/b/emotion-edge")
    assert cache_folder({"XDG_CACHE_HOME": "", "EMOTION_EDGE_CACHE": ""}) == tmp_path / ".cache" / "emotion-edge"
    assert list(tmp_path.iterdir()) == [], "made when there is something to keep"


@posix
@pytest.mark.parametrize("home", ["~", "/nonexistent", "/dev/null"], ids=["unknown", "absent", "a file"])
def test_without_a_home_it_is_a_folder_of_ones_own(temporary, monkeypatch, home):
    at_home(monkeypatch, home)
    folder = cache_folder({})
    assert folder == temporary / f"emotion-edge-{os.getuid()}"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert cache_folder({}) == folder


@posix
@pytest.mark.parametrize(
    ("closed", "used"),
    [
        pytest.param("", False, id="home of another"),
        pytest.param(".cache", False, id="cache folder of another"),
        pytest.param(".cache/emotion-edge", False, id="folder of another"),
    ],
)
def test_a_home_that_may_not_be_written_to(temporary, tmp_path, monkeypatch, closed, used):
    home = tmp_path / "home"
    (home / closed).mkdir(parents=True)
    at_home(monkeypatch, home)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != home / closed)
    assert (cache_folder({}) == home / ".cache" / "emotion-edge") == used
    monkeypatch.undo()
    at_home(monkeypatch, home)
    assert cache_folder({}) == home / ".cache" / "emotion-edge", "the same home where it may be written to"


@posix
def test_a_folder_that_somebody_else_has_made_is_not_trusted(temporary, monkeypatch):
    at_home(monkeypatch, "~")
    folder = temporary / f"emotion-edge-{os.getuid()}"
    folder.mkdir(mode=0o700)
    folder.chmod(0o755)
    with pytest.raises(UserError, match="is not a folder of this user alone"):
        cache_folder({})
    folder.rmdir()
    (temporary / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(temporary / "elsewhere")
    with pytest.raises(UserError, match="is not a folder of this user alone"):
        cache_folder({})
    folder.unlink()
    folder.write_text("")
    with pytest.raises(UserError, match="cannot be used as cache"):
        cache_folder({})


def as_another(folder, **variables):
    """The cache folder that a user unknown to the system gets, whose temporary folder is `folder`.

    Everything is imported before: this user may not read root's Python.
    """
    code = (
        "import os, tempfile; from edge.base.cache import cache_folder; "
        "from edge.base.errors import exit_on_user_error; "
        f"tempfile.gettempdir(); os.setgroups([]); os.setgid({USER}); os.setuid({USER}); "
        "raise SystemExit(exit_on_user_error(lambda: print(cache_folder()) or 0))"
    )
    environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "TMPDIR": folder, **variables}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture
def open_to_all():
    """A temporary folder as the system's is; those of pytest are closed to other users."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o1777)
        yield folder


@as_root
@pytest.mark.parametrize("home", [{}, {"HOME": "/root"}, {"HOME": "/nonexistent"}], ids=["none", "root's", "absent"])
def test_a_user_whom_the_system_does_not_know(open_to_all, home):
    done = as_another(open_to_all, **home)
    assert (done.returncode, done.stdout.strip()) == (0, f"{open_to_all}/emotion-edge-{USER}"), done.stderr


@as_root
def test_a_folder_of_another_user_is_refused_in_one_line(open_to_all):
    (Path(open_to_all) / f"emotion-edge-{USER}").mkdir(mode=0o700)
    done = as_another(open_to_all)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "is not a folder of this user alone" in done.stderr
