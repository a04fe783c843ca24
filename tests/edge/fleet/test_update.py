"""Updates of a board: what they fetch, keep, switch and take back."""

import json
import shutil
import subprocess
import sys

import pytest

from edge.app.cli import main
from edge.base.settings import DEFAULT_BUNDLE, Options
from edge.faces.networks import Networks
from edge.fleet.versions import Versions
from edge.model.bundle import MODEL_CARD, load_bundle, model_file
from edge.model.release import installed_release, last_offer


def running(board):
    """Version and name of the bundle in use, whose hash has been verified."""
    release, bundle = installed_release(board.current), load_bundle(board.current)
    assert release is None or release.name == bundle.name
    return (release.version if release else None), bundle.name


def kept(board):
    """Names of the versions on the disk."""
    return sorted(path.name.partition("-")[0] for path in (board.folder / "versions").iterdir())


def test_a_release_is_fetched_once_and_reloaded_once(publisher, board, reloads, capsys):
    publisher.publish("first")
    assert [board.update(), board.update()] == [0, 0]
    assert running(board) == (1, "first")
    assert reloads == ["reload"]
    assert "in use already" in capsys.readouterr().out
    assert sorted(path.name for path in board.current.iterdir()) == [
        *("manifest.json", "model_float32.tflite", "model_int8.tflite", "release.json")
    ]


def test_the_present_and_the_previous_version_are_kept(publisher, board):
    for name in ("first", "second", "third"):
        publisher.publish(name)
        assert board.update() == 0
    assert running(board) == (3, "third")
    assert kept(board) == ["2", "3"]


def test_before_the_first_release_a_bundle_of_this_machine_is_in_use(publisher, board):
    publisher.publish("first", "--group", "canary")
    assert board.update() == 2
    assert board.current.resolve() == DEFAULT_BUNDLE.resolve()
    assert running(board)[0] is None


def test_boards_get_the_release_of_their_group(publisher, board, capsys):
    publisher.publish("first")
    publisher.publish("second", "--group", "canary")
    assert board.update("--group", "canary") == 0
    assert running(board) == (2, "second")
    assert board.update() == 0, "another group may be behind"
    assert running(board) == (1, "first")


def test_a_bundle_that_another_group_has_tried_keeps_its_number(publisher, board):
    publisher.publish("first")
    publisher.publish("second", "--group", "canary")
    publisher.publish("second")
    board.update()
    assert running(board) == (2, "second")


def test_a_publisher_rolls_back_by_a_new_number(publisher, board):
    for name, version in (("first", 1), ("second", 2), ("first", 3)):
        publisher.publish(name)
        assert board.update() == 0
        assert running(board) == (version, name)


class TestRollback:
    @pytest.fixture
    def board(self, publisher, board):
        for name in ("first", "second"):
            publisher.publish(name)
            board.update()
        return board

    def test_the_previous_one_stays_until_another_is_offered(self, publisher, board, capsys):
        assert board.roll_back() == 0
        assert running(board) == (1, "first")
        assert board.update() == 0
        assert running(board) == (1, "first"), "not the one that it was rolled back from"
        assert "waiting for another" in capsys.readouterr().out
        publisher.publish("third")
        board.update()
        assert running(board) == (3, "third")

    def test_twice_is_back_again(self, board):
        board.roll_back()
        board.roll_back()
        assert running(board) == (2, "second")

    def test_needs_a_version_before(self, publisher, board, tmp_path, capsys):
        assert main(["update", "--rollback", "--directory", str(tmp_path / "empty")]) == 2
        assert "no version before the present one" in capsys.readouterr().err

    def test_refuses_a_damaged_one(self, board, capsys):
        (board.folder / "previous" / model_file("int8")).write_bytes(b"damaged")
        assert board.roll_back() == 2
        assert running(board) == (2, "second")


def test_a_damaged_bundle_is_fetched_again(publisher, board):
    publisher.publish("first")
    board.update()
    (board.current / model_file("int8")).write_bytes(b"")
    assert board.update() == 0
    assert running(board) == (1, "first")


def test_what_is_offered_is_kept_for_those_who_show_it(publisher, board):
    for name in ("first", "second"):
        publisher.publish(name)
        board.update()
    board.roll_back()
    assert installed_release(board.current).version == 1
    assert last_offer(board.current).release.version == 2


def test_one_process_at_a_time(publisher, board, capsys):
    publisher.publish("first")
    with Versions(board.folder).locked():
        assert board.update() == 2
    assert "another update is at work" in capsys.readouterr().err


def test_the_root_is_given_once(publisher, board, capsys, tmp_path):
    publisher.publish("first")
    missing = tmp_path / "missing.json"
    assert board.update("--trust", str(missing)) == 2
    assert main(["update", "--repository", board.address, "--directory", str(tmp_path / "new")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert str(missing) in lines[0]
    assert "no root is trusted yet: name the publisher's root.json by --trust once" in lines[1]


@pytest.mark.parametrize("content", [b"", b"{}", b"[1", b"\xff", None])
def test_another_file_is_no_root(publisher, board, content, capsys, tmp_path):
    publisher.publish("first")
    other = tmp_path / "other.json"
    other.write_bytes(content if content is not None else (publisher.site / "metadata" / "timestamp.json").read_bytes())
    assert board.update("--trust", str(other)) == 2
    assert f"{other}: is no root of a repository" in capsys.readouterr().err


def test_keys_are_replaced_without_a_visit_to_the_board(publisher, board):
    publisher.publish("first")
    board.update()
    for role in ("timestamp", "snapshot", "targets", "root"):
        assert publisher.rotate(role) == 0
        (publisher.keys / f"{role}.pem").unlink()
        assert publisher.publish(f"after {role}") == 0
        assert board.update() == 0
        assert running(board)[1] == f"after {role}"


def test_a_new_board_follows_the_roots_from_the_first(publisher, board):
    publisher.publish("first")
    root = publisher.root.read_bytes()
    for _ in range(3):
        publisher.rotate("root")
    board.trust = board.folder.parent / "root.json"
    board.trust.write_bytes(root)
    assert board.update() == 0
    assert running(board) == (1, "first")


def test_credentials_in_the_address_are_refused(board, capsys):
    assert board.update(address="http://me:hunter2@127.0.0.1:1") == 2
    told = capsys.readouterr().err
    assert "credentials do not belong on a command line" in told
    assert "hunter2" not in told


def test_the_board_verifies_without_the_publishers_packages(publisher, board, served):
    """Verify Ed25519 as a board does, which has not installed `cryptography`."""
    publisher.publish("first")
    code = (
        "import sys; sys.modules['cryptography'] = None; from edge.app.cli import main; "
        f"sys.exit(main(['update', '--repository', {served.address!r}, '--directory', {str(board.folder)!r}, "
        f"'--trust', {str(publisher.root)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert running(board) == (1, "first")
    path = publisher.site / "metadata" / "timestamp.json"
    damaged = json.loads(path.read_text())
    damaged["signed"]["version"] += 1
    path.write_text(json.dumps(damaged))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "is not signed by the keys that this board trusts" in done.stderr


def test_the_model_card_comes_along(publisher, board):
    bundle = publisher.bundle("first")
    (bundle / MODEL_CARD).write_text("# first")
    (bundle / "notes.txt").write_text("not part of a bundle")
    publisher.call("publish", str(bundle))
    board.update()
    assert (board.current / MODEL_CARD).read_text() == "# first"
    assert not (board.current / "notes.txt").exists()


def test_the_folder_may_be_moved(publisher, board):
    publisher.publish("first")
    board.update()
    moved = board.folder.with_name("moved")
    shutil.move(board.folder, moved)
    assert load_bundle(moved / "current").name == "first"


def test_a_run_names_the_release_that_it_uses_until_it_reloads(publisher, board):
    publisher.publish("first")
    board.update()
    networks = Networks.load(Options(model=board.current))
    assert networks.releases.numbers() == {"release": 1, "offered": 1}
    publisher.publish("second")
    board.update()
    assert networks.releases.numbers() == {"release": 1, "offered": 2}
    networks.reload(Options(model=board.current))
    assert networks.releases.numbers() == {"release": 2, "offered": 2}
    assert networks.loaded.identity["name"] == "second"
