"""The service as systemd reads it, and what installing it refuses and does. Nothing here touches the system."""

import os
import pwd
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edge.app import cli, systemd, systemd_updates
from edge.app.arguments import typed
from edge.app.systemd import unit_text
from edge.base.assets import YUNET
from edge.base.errors import UserError
from edge.base.settings import MODELS, EventLimits, Options, Run, Update

from ..patience import LONG

ROOT = Path(__file__).parents[3]
NOBODY = 65534


def keys(text):
    """Return the keys of a unit with their values."""
    found = {}
    for line in text.splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A system of our own: its folders, and the commands that were called on it."""
    called = []
    for name in ("UNIT", "BOOTED", "SECRETS", "STATE", "WEIGHTS"):
        monkeypatch.setattr(systemd, name, tmp_path / "system" / str(getattr(systemd, name)).lstrip("/"))
    systemd.BOOTED.mkdir(parents=True)
    weights = tmp_path / "weights"
    weights.write_bytes(b"weights")
    monkeypatch.setattr(systemd, "fetch", lambda asset: weights)
    monkeypatch.setattr(systemd, "call", lambda commands: called.extend(commands))
    monkeypatch.setattr(systemd, "systemd_version", lambda: 252)
    monkeypatch.setattr(systemd, "HIDDEN_FOLDERS", ())
    monkeypatch.setattr(systemd.os, "geteuid", lambda: 0)
    return called


@pytest.fixture
def readable():
    """A folder that everybody may read."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


class TestUnit:
    @pytest.mark.parametrize(
        ("user", "systemd", "expected"),
        [
            pytest.param(None, 252, {"DynamicUser": ["yes"], "User": None, "RestartSteps": None}, id="bookworm"),
            pytest.param(None, 257, {"RestartSteps": ["6"], "RestartMaxDelaySec": ["300"]}, id="trixie"),
            pytest.param("kiosk", 252, {"DynamicUser": None, "User": ["kiosk"]}, id="a user that is there"),
        ],
    )
    def test_what_depends_on_user_and_system(self, user, systemd, expected):
        found = keys(unit_text(["/usr/bin/true"], [], user, systemd))
        assert {key: found.get(key) for key in expected} == expected

    @pytest.mark.parametrize(
        ("key", "values"),
        [
            ("Type", ["notify"]),
            ("ExecReload", ["/bin/kill -HUP $MAINPID"]),
            ("Restart", ["on-failure"]),
            ("NoNewPrivileges", ["yes"]),
            ("ProtectSystem", ["strict"]),
            ("CapabilityBoundingSet", [""]),
            ("DevicePolicy", ["closed"]),
            ("SupplementaryGroups", ["video"]),
            ("LimitCORE", ["0"]),
            ("EnvironmentFile", ["-/etc/emotion-edge/environment"]),
            (
                "DeviceAllow",
                [
                    *("char-video4linux rw", "char-media rw", "char-dma_heap rw"),
                    *("/dev/vchiq rw", "/dev/vcio rw"),
                ],
            ),
            ("Environment", ["EMOTION_EDGE_CACHE=/var/cache/emotion-edge XDG_STATE_HOME=/var/lib/emotion-edge"]),
            ("BindReadOnlyPaths", ['"/home/a b/100%%"']),
            ("ReadOnlyPaths", ["-/var/lib/emotion-edge/models"]),
            ("LoadCredential", ["web-key:/root/a b/100%%.pem"]),
        ],
    )
    def test_what_it_says(self, key, values):
        handed_over = [("web-key", Path("/root/a b/100%.pem"))]
        text = unit_text(["/usr/bin/true"], [Path("/home/a b/100%")], None, 252, handed_over)
        assert keys(text)[key] == values

    @pytest.mark.parametrize("sign", ["'", '"', "\\"])
    def test_programs_that_systemd_would_not_start(self, sign):
        with pytest.raises(UserError, match="with quotes in its path"):
            unit_text([f"/opt/a{sign}b"], [], None, 252)

    def test_a_line_break_cannot_bring_a_line_of_its_own(self):
        with pytest.raises(UserError, match="unprintable"):
            unit_text(["/usr/bin/true", "x\nUser=root"], [], None, 252)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd's tools are not here")
class TestSystemd:
    """Checks of the unit by systemd itself; none of this needs it to run the system."""

    WORDS = ("run", "/dev/video0", "--jsonl", 'a b%c%h"$HOME"\\n;', ";", "'", "--model", "/opt/a model/100%")

    @pytest.fixture
    def unit(self, readable):
        """A unit whose program is at a path that wants care."""
        program = readable / "it is 100% here; $HOME"
        program.symlink_to("/bin/true")
        path = readable / "emotion-edge.service"
        path.write_text(unit_text([program, *self.WORDS], [readable], None, 252, [("web-key", readable / "100% a")]))
        path.chmod(0o644)
        return path, program

    def test_it_is_correct(self, unit):
        done = subprocess.run(["systemd-analyze", "verify", unit[0]], capture_output=True, text=True, timeout=LONG)
        assert done.returncode == 0, done.stderr
        assert str(unit[0]) not in done.stderr, "not even a warning"

    def test_a_later_systemds_keys_are_warnings_at_most(self, readable):
        path = readable / "later.service"
        path.write_text(unit_text(["/bin/true"], [], None, 257))
        done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, timeout=LONG)
        assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize(
        "words",
        [
            pytest.param(["picamera2", "--jsonl", "r.jsonl"], id="a camera"),
            pytest.param(["rtsp://10.0.0.7/live", "--web", "0.0.0.0:8080", "--metrics", "0.0.0.0:9100"], id="network"),
            pytest.param(["0", "--user", "daemon"], id="a user that is there"),
        ],
    )
    def test_little_is_exposed(self, system, words):
        """From 0 to 10, less being better."""
        assert install("--yes", *words) == 0
        command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", systemd.UNIT]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONG)
        assert "Overall exposure level" in done.stdout, done.stderr
        assert float(done.stdout.rpartition(".service: ")[2].split()[0]) < 2.0

    @pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("systemd"), reason="only root can be nobody for a while")
    def test_the_command_is_read_as_it_was_meant(self, unit, tmp_path):
        path, program = unit
        with tempfile.TemporaryDirectory() as home:
            os.chown(home, NOBODY, NOBODY)
            done = subprocess.run(
                ["systemd", "--test", "--user", f"--unit={path.name}", "--log-target=console"],
                capture_output=True,
                text=True,
                timeout=LONG,
                user=NOBODY,
                group=NOBODY,
                extra_groups=[],
                cwd=home,
                env={
                    "PATH": os.environ["PATH"],
                    "HOME": home,
                    "XDG_RUNTIME_DIR": home,
                    "SYSTEMD_UNIT_PATH": f"{path.parent}:",
                },
            )
        assert done.returncode == 0, done.stderr
        section = done.stdout.partition(f"-> Unit {path.name}:")[2].partition("-> Unit ")[0]
        (line,) = [line for line in section.partition("-> ExecStart:")[2].splitlines() if "Command Line:" in line][:1]
        told = line.partition("Command Line: ")[2].replace("\\$", "$").replace("\\`", "`")
        assert shlex.split(told) == [str(program), *self.WORDS]
        assert f"BindReadOnlyPaths: {path.parent}:{path.parent}" in section


def install(*words):
    return cli.main(["install-service", *words])


def started_run():
    """Return the settings of the run that the unit starts."""
    (command,) = keys(systemd.UNIT.read_text())["ExecStart"]
    return typed(Run, cli.parse_arguments(shlex.split(command.partition('"edge" ')[2])))


def test_it_is_shown_then_set_up_and_taken_away(system, capsys, tmp_path):
    assert install("--yes", "rtsp://10.0.0.7/live", "--events", "events.jsonl") == 0
    shown = capsys.readouterr().out
    text = systemd.UNIT.read_text()
    assert text in shown
    assert "systemctl restart --no-block emotion-edge.service" in shown
    command = f'"{sys.executable}" "-P" "-m" "edge" "run" "rtsp://10.0.0.7/live"'
    assert keys(text)["ExecStart"] == [f':{command} "--wait-for-camera" "--events" "events.jsonl" "--no-window"']
    assert (systemd.WEIGHTS / YUNET.file_name).read_bytes() == b"weights"
    assert systemd.UNIT.stat().st_mode & 0o777 == 0o644
    assert system == [*systemd.START]
    assert install("--yes") == 0, "ours is replaced"
    assert cli.main(["uninstall-service", "--yes"]) == 0
    assert system[-2:] == [*systemd.STOP, *systemd.RELOAD]
    left = [path for path in (tmp_path / "system").rglob("*") if path.is_file()]
    assert left == []


def test_the_limits_of_events_are_passed_on(system):
    limits = ("--event-min-ms", "1500", "--event-min-confidence", "0.7")
    assert install("--yes", "0", "--events", "events.jsonl", *limits) == 0
    assert started_run().events == EventLimits(1.5, 0.7)


def test_certificate_and_key_are_handed_over(system, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("cert.pem", "key.pem"):
        Path(name).write_text("PEM")
    words = ("0", "--web", "0.0.0.0:8443", "--web-cert", "cert.pem", "--web-key=key.pem")
    assert install("--yes", *words) == 2, "there is no certificate in them"
    monkeypatch.setattr("edge.web.server.check_certificate", lambda *files: None)
    assert install("--yes", *words) == 0
    found = keys(systemd.UNIT.read_text())
    assert found["LoadCredential"] == [f"web-cert:{tmp_path}/cert.pem", f"web-key:{tmp_path}/key.pem"]
    page, folder = started_run().page, Path("/run/credentials/emotion-edge.service")
    assert (page.certificate, page.key) == (folder / "web-cert", folder / "web-key")


class TestConfigurationFile:
    @pytest.fixture
    def path(self, readable):
        path = readable / "home.toml"
        path.write_text('source = "rtsp://10.0.0.7/live"\n[outputs]\nevents = "e.jsonl"\n[recognition]\nthreads = 3\n')
        path.chmod(0o644)
        return path

    def words(self):
        (command,) = keys(systemd.UNIT.read_text())["ExecStart"]
        return shlex.split(command.partition('"edge" ')[2])

    def test_the_unit_runs_it(self, system, path, monkeypatch):
        monkeypatch.chdir(path.parent)
        assert install("--yes", "--config", path.name) == 0
        assert self.words() == ["run", "--config", str(path), "--wait-for-camera", "--no-window"]
        assert started_run().recognition.threads == 3

    def test_the_command_line_is_passed_on(self, system, path):
        assert install("--yes", "0", "--config", str(path), "--threads", "1") == 0
        assert self.words() == ["run", "0", "--config", str(path), "--wait-for-camera", "--no-window", "--threads", "1"]
        run = started_run()
        assert (run.source, run.recognition.threads, run.outputs.events) == ("0", 1, Path("e.jsonl"))

    def test_a_file_in_a_hidden_folder_is_mounted(self, system, path, monkeypatch):
        monkeypatch.setattr(systemd, "HIDDEN_FOLDERS", (path.parent,))
        path.parent.chmod(0o700)
        assert install("--yes", "--config", str(path)) == 0
        assert f'"{path}"' in keys(systemd.UNIT.read_text())["BindReadOnlyPaths"]

    @pytest.mark.parametrize(
        ("user", "mode", "folder", "remedy"),
        [
            pytest.param((), 0o640, 0o755, "run 'chmod o+r {path}'", id="file"),
            pytest.param((), 0o644, 0o700, "run 'chmod o+x {path.parent}'", id="folder"),
            pytest.param(("--user", "nobody"), 0o640, 0o755, "run 'chmod o+r {path}'", id="a user that is there"),
        ],
    )
    def test_the_services_user_must_be_able_to_read_it(self, system, path, capsys, user, mode, folder, remedy):
        path.chmod(mode)
        path.parent.chmod(folder)
        assert install("--yes", *user, "--config", str(path)) == 2
        assert remedy.format(path=path) in capsys.readouterr().err
        assert not systemd.UNIT.exists()

    def test_its_owner_may_read_it(self, path):
        path.chmod(0o600)
        owner = pwd.getpwuid(path.stat().st_uid).pw_name
        assert systemd.has_right(path, systemd.READ, owner)
        assert not systemd.has_right(path, systemd.READ, None)

    def test_mistakes_in_it_are_told_before_anything_is_done(self, system, path, capsys):
        path.write_text("threads = 3\n")
        assert install("--yes", "--config", str(path)) == 2
        assert f"{path}:1: threads: unknown option" in capsys.readouterr().err
        assert system == []

    def test_a_private_address_is_not_hidden_by_the_source_in_it(self, system, path, capsys):
        assert install("--yes", "http://10.0.0.7/live?key=s3cr3t", "--config", str(path)) == 2
        assert "has a source, which wins over EMOTION_EDGE_CAMERA_ADDRESS" in capsys.readouterr().err


@pytest.mark.parametrize("answer", ["", "n", "no", "maybe"])
def test_it_asks_first(system, monkeypatch, capsys, answer):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: answer)
    assert install("0") == 2
    assert "not confirmed" in capsys.readouterr().err
    assert system == []
    assert not systemd.UNIT.exists()


def test_yes_is_yes(system, monkeypatch):
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: "y")
    assert install("0") == 0
    assert systemd.UNIT.exists()


def other_unit():
    systemd.UNIT.parent.mkdir(parents=True)
    systemd.UNIT.write_text("[Service]\nExecStart=/usr/bin/other\n")


def open_secrets():
    systemd.SECRETS.parent.mkdir(parents=True)
    systemd.SECRETS.write_text("EMOTION_EDGE_CAMERA_PASSWORD=secret\n")
    systemd.SECRETS.chmod(0o644)


@pytest.mark.parametrize(
    ("words", "prepare", "message"),
    [
        pytest.param("0 --yes", lambda: systemd.BOOTED.rmdir(), "this system does not run systemd", id="no systemd"),
        pytest.param("0 --yes", other_unit, "another unit has this name", id="another unit of that name"),
        pytest.param("0", lambda: None, "there is no terminal to ask", id="nobody to ask"),
        pytest.param("- --yes --size 8x8", lambda: None, "no standard input", id="standard input"),
        pytest.param("0 --yes --user nobody-of-that-name", lambda: None, "no such user", id="no such user"),
        pytest.param("0 --yes --jsonl /srv/r.jsonl", lambda: None, "may write to", id="a place that is read-only"),
        pytest.param("0 --yes --jsonl ../r.jsonl", lambda: None, "may write to", id="out of its folder"),
        pytest.param("0 --yes --events a --jsonl a", lambda: None, "is already the source", id="one file for two"),
        pytest.param("0 --yes --model models/default", lambda: None, "give the whole path", id="a relative model"),
        pytest.param("0 --yes --model nowhere", lambda: None, "no model bundle here", id="no model"),
        pytest.param("rtsp://me:secret@cam/ --yes", lambda: None, "credentials do not belong", id="credentials"),
        pytest.param("0 --yes --variant dynamic", lambda: None, "dynamic", id="a variant that is not there"),
        pytest.param("0 --yes --web 0.0.0.0:443", lambda: None, "port 443: the service may not", id="a low port"),
        pytest.param(
            "0 --yes --web --web-cert c.pem --web-key k.pem", lambda: None, "k.pem: no certificate", id="no such key"
        ),
        pytest.param("0 --yes --live", lambda: None, "--live is for standard input", id="an option for another source"),
        pytest.param("0 --yes", open_secrets, "others may read the credentials", id="credentials for all to read"),
    ],
)
def test_what_is_refused_leaves_nothing(system, monkeypatch, capsys, words, prepare, message):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    prepare()
    before = systemd.UNIT.read_text() if systemd.UNIT.exists() else None
    assert install(*words.split()) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert "secret" not in out + err
    assert system == []
    assert (systemd.UNIT.read_text() if systemd.UNIT.exists() else None) == before
    assert not systemd.WEIGHTS.exists()


def test_without_root_it_only_shows(system, monkeypatch, capsys):
    monkeypatch.setattr(systemd.os, "geteuid", lambda: 1000)
    assert install("0", "--yes") == 2
    out, err = capsys.readouterr()
    assert "[Service]" in out
    assert "only root may do that; nothing was done" in err
    assert (system, systemd.UNIT.exists()) == ([], False)


def test_a_run_is_checked_as_a_run(system, capsys):
    with pytest.raises(SystemExit, match="2"):
        install("0", "--speed", "9")
    assert "unrecognized arguments: --speed 9" in capsys.readouterr().err


def test_there_must_be_one_to_take_away(system, capsys):
    assert cli.main(["uninstall-service", "--yes"]) == 2
    assert "the service is not installed" in capsys.readouterr().err
    assert system == []


@pytest.mark.parametrize(
    ("mode", "user", "refused"),
    [(0o755, None, False), (0o750, None, True), (0o750, "root", False)],
)
def test_a_program_in_a_home_must_be_readable(system, monkeypatch, tmp_path, make_bundle, mode, user, refused):
    program = make_bundle(tmp_path / "home" / "emotion-edge")
    program.chmod(mode)
    monkeypatch.setattr(systemd, "HIDDEN_FOLDERS", (tmp_path / "home",))
    monkeypatch.setattr(systemd.sys, "prefix", str(program / ".venv"))
    (program / ".venv").mkdir()
    run = Run("0", recognition=Options(model=program))
    if refused:
        with pytest.raises(UserError, match=r"cannot read .*chmod o\+rx"):
            systemd.unit_for(run, user)
    else:
        text = systemd.unit_for(run, user)
        assert keys(text)["BindReadOnlyPaths"] == [f'"{program}"'], "the environment is in it"


def test_a_command_that_fails_is_named(monkeypatch):
    with pytest.raises(UserError, match=r"'false' failed .*journalctl"):
        systemd.call([["false"]])


@pytest.mark.parametrize("said", ["", "\n"])
def test_so_is_one_that_says_nothing(monkeypatch, said):
    def run(command, **_):
        raise subprocess.CalledProcessError(1, command, stderr=said)

    monkeypatch.setattr(systemd.subprocess, "run", run)
    with pytest.raises(UserError, match=r"'true' failed .*exit status 1"):
        systemd.call([["true"]])


def test_the_version_of_systemd(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert systemd.systemd_version() == 0
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho 'systemd 257 (257.8-1~deb13u2)'\n")
    (tmp_path / "systemctl").chmod(0o755)
    assert systemd.systemd_version() == 257


def test_a_real_run_talks_to_the_manager(tmp_path, monkeypatch, bundle, yunet, write_clip):
    """From the first word to the last: ready, alive or not for so short a run, stopping."""

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        assert cli.main(["run", str(write_clip(tmp_path / "clip.mp4")), "--model", str(bundle), "--no-window"]) == 0
        heard = []
        while True:
            try:
                heard.append(manager.recv(4096).decode().splitlines()[0])
            except BlockingIOError:
                break
    assert (heard[0], heard[-1]) == ("READY=1", "STOPPING=1")
    assert set(heard[1:-1]) <= {"WATCHDOG=1"}


class TestUpdates:
    """The service that fetches the model of the run, and its timer."""

    ADDRESS = "https://models.example.org/fleet"

    @pytest.fixture
    def root(self, tmp_path):
        pytest.importorskip("tuf")
        pytest.importorskip("cryptography")
        words = ["publish", "--repository", str(tmp_path / "site"), "--keys", str(tmp_path / "keys")]
        assert cli.main(words) == 0
        return tmp_path / "site" / "metadata" / "1.root.json"

    def install(self, root, *words):
        return install("--yes", "0", "--update-from", self.ADDRESS, "--trust", str(root), *words)

    def unit(self, name):
        return systemd.UNIT.with_name(name)

    def test_the_run_uses_what_the_other_fetches(self, system, root):
        assert self.install(root, "--group", "canary", "--model", "nano") == 0
        link = systemd.STATE / "models" / "current"
        assert started_run().recognition.model == link
        (command,) = keys(self.unit(systemd_updates.SERVICE).read_text())["ExecStart"]
        update = typed(Update, cli.parse_arguments(shlex.split(command.partition('"edge" ')[2])))
        assert update == Update(self.ADDRESS, "canary", systemd_updates.root_file(), link.parent, MODELS / "nano")
        assert systemd_updates.root_file().read_bytes() == root.read_bytes()
        assert system == [*systemd_updates.START_UPDATES]

    def test_both_have_the_same_user(self, system, root):
        assert self.install(root) == 0
        found = keys(self.unit(systemd_updates.SERVICE).read_text())
        assert (found["DynamicUser"], found["User"]) == (["yes"], ["emotion-edge"]), "that of the unit of this name"
        assert self.install(root, "--user", "daemon") == 0
        found = keys(self.unit(systemd_updates.SERVICE).read_text())
        assert (found.get("DynamicUser"), found["User"]) == (None, ["daemon"])

    def test_boards_do_not_ask_at_the_same_time(self, system, root):
        assert self.install(root) == 0
        found = keys(self.unit(systemd_updates.TIMER).read_text())
        assert found["RandomizedDelaySec"] == ["1h"]
        assert found["OnUnitInactiveSec"] == ["6h"]

    def test_the_root_is_given_once(self, system, root, capsys):
        assert install("--yes", "0", "--update-from", self.ADDRESS) == 2
        assert "no root is trusted yet" in capsys.readouterr().err
        assert not systemd.UNIT.exists()
        assert self.install(root) == 0
        assert install("--yes", "0", "--update-from", self.ADDRESS) == 0

    def test_what_is_refused_leaves_nothing(self, system, root, capsys):
        bad = root.with_name("timestamp.json")
        assert self.install(bad) == 2
        assert install("--yes", "0", "--update-from", "https://me:hunter2@host/", "--trust", str(root)) == 2
        self.unit(systemd_updates.TIMER).parent.mkdir(parents=True, exist_ok=True)
        self.unit(systemd_updates.TIMER).write_text("[Timer]\n")
        assert self.install(root) == 2
        told = capsys.readouterr().err.splitlines()
        assert [len(told), "is no root" in told[0], "credentials do not" in told[1], "another unit" in told[2]] == [
            *(3, True, True, True)
        ]
        assert not systemd.UNIT.exists()

    def test_they_are_taken_away_with_the_run_and_by_an_installation_without(self, system, root):
        for words in (["uninstall-service", "--yes"], ["install-service", "--yes", "0"]):
            assert self.install(root) == 0
            assert len(systemd_updates.installed()) == 2
            assert cli.main(words) == 0
            assert systemd_updates.installed() == []
            assert systemd_updates.STOP_UPDATES[0] in system

    @pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd's tools are not here")
    def test_systemd_reads_and_rates_them(self, system, root):
        assert self.install(root) == 0
        paths = [self.unit(systemd_updates.SERVICE), self.unit(systemd_updates.TIMER)]
        done = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, timeout=LONG)
        assert done.returncode == 0, done.stderr
        assert systemd_updates.SERVICE not in done.stderr
        command = ["systemd-analyze", "security", "--offline=yes", "--no-pager", paths[0]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONG)
        assert float(done.stdout.rpartition(".service: ")[2].split()[0]) < 2.0, done.stdout


@pytest.mark.parametrize(
    ("answer", "said", "signalled"),
    [
        ("ActiveState=active\nMainPID=4711\n", "the service loads it now", [4711]),
        ("ActiveState=activating\nMainPID=4711\n", "no service runs", []),
        ("ActiveState=inactive\nMainPID=0\n", "no service runs", []),
        ("", "no service runs", []),
    ],
)
def test_a_running_service_is_asked_to_load_the_model_again(monkeypatch, answer, said, signalled):
    sent = []
    monkeypatch.setattr(systemd_updates.shutil, "which", lambda name: name)
    monkeypatch.setattr(
        systemd_updates.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=answer)
    )
    monkeypatch.setattr(systemd_updates.os, "kill", lambda process, number: sent.append(process))
    assert systemd_updates.reload_service().startswith(said)
    assert sent == signalled


def test_a_service_of_another_user_is_reloaded_by_hand(monkeypatch):
    def kill(process, number):
        raise PermissionError

    answer = subprocess.CompletedProcess([], 0, stdout="ActiveState=active\nMainPID=4711\n")
    monkeypatch.setattr(systemd_updates.shutil, "which", lambda name: name)
    monkeypatch.setattr(systemd_updates.subprocess, "run", lambda *_, **__: answer)
    monkeypatch.setattr(systemd_updates.os, "kill", kill)
    assert "sudo systemctl reload emotion-edge" in systemd_updates.reload_service()
