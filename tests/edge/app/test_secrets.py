"""Secrets in addresses: whatever is done with one, nothing that is printed or written repeats it."""

import logging
import os
import shlex
import subprocess
import sys
from contextlib import suppress

import pytest

from edge.app import cli, doctor, systemd
from edge.app.arguments import typed
from edge.base.errors import UserError
from edge.base.network import CAMERA_ADDRESS, masked, public
from edge.base.settings import Run
from edge.sources import open_source

from ..app.test_systemd import install, keys, system  # noqa: F401 - a fixture
from ..clips import shades, write_video
from ..http_server import Answering, respond
from ..patience import LONG

MARK = "s3cr3t"

SCHEMES = ("rtsp", "RTSP", "rtsps", "rtmp", "rtmps", "srt", "udp", "tcp", "http", "HTTPS", "mqtt", "mqtts", "ftp")

WITH_CREDENTIALS = [
    *(f"{scheme}://me:{MARK}@127.0.0.1:1/live" for scheme in SCHEMES),
    f"rtsp://{MARK}@127.0.0.1:1/live",
    f"rtsp://:{MARK}@127.0.0.1:1/live",
    f"rtsp://me:a@{MARK}@127.0.0.1:1/live",
    f"rtsp://me:a/{MARK}@127.0.0.1:1/live",
    f"rtsp://me:12/{MARK}@127.0.0.1:1/live",
    f"rtsp://me:a?{MARK}@127.0.0.1:1/live",
    f"rtsp://me:12?{MARK}@127.0.0.1:1/live",
    f"rtsp://me:a#{MARK}@127.0.0.1:1/live",
    f"rtsp://me:a@b/{MARK}@127.0.0.1:1/live",
    f"rtsp://me:a@{MARK}/b@127.0.0.1:1/live",
    f"rtsp://house/me:{MARK}@127.0.0.1:1/live",
    f"rtsp://me:a {MARK}@127.0.0.1:1/live",
    f"rtsp://me:a\n{MARK}@127.0.0.1:1/live",
    f"rtsp://me:a'{MARK}\"@127.0.0.1:1/live",
    f"rtsp://me:{MARK}%40%3A@127.0.0.1:1/live",
    f"rtsp://me%3A{MARK}%40127.0.0.1:1/live",
    f"rtsp://me:{MARK}@[::1]:1/live",
    f"rtsp://me:{MARK}@[::1/live",
    f"rtsp://me:{MARK}@]/live",
    f"rtsp://me:{MARK}[@127.0.0.1:1/live",
    f"rtsp://me:{MARK}",
    f"rtsp:/me:{MARK}@127.0.0.1:1/live",
    f"me:{MARK}@127.0.0.1:1/live",
    f"rtsp:me:{MARK}@127.0.0.1:1/live",
]

WITH_KEYS = [
    f"http://127.0.0.1:1/cam?password={MARK}",
    f"http://127.0.0.1:1/cam?channel=1&key={MARK}#top",
    f"HTTP://127.0.0.1:1/cam?mail=me@home&token={MARK}",
    f"http://127.0.0.1:1/cam#token={MARK}",
    f"http://127.0.0.1:1/cam%3Ftoken={MARK}",
    f"http://127.0.0.1:1/cam;token={MARK}/live",
    f"http://[::1]:1/cam?a=1?token={MARK}",
    f"rtsp://127.0.0.1:1/user=admin_password={MARK}_channel=1_stream=0.sdp?real_stream",
    f"srt://127.0.0.1:1?mode=caller&passphrase={MARK}",
]

PLAIN = [
    *("rtsp://10.0.0.1/live", "RTSP://cam.local:554/h264/ch1/main", "http://[fe80::1%25eth0]:8080/cam.mjpg"),
    *("udp://@239.0.0.1:1234", "srt://10.0.0.1:9000", "mqtt://host/prefix", "scheme://host"),
]


@pytest.mark.parametrize("address", [*WITH_CREDENTIALS, *WITH_KEYS])
def test_what_is_shown_of_an_address(address):
    assert MARK not in public(address)
    assert MARK not in str(UserError(f"{address}: no video", f"see to '{address}', or leave it out"))


@pytest.mark.parametrize("address", PLAIN)
def test_an_address_without_secrets_is_shown_whole(address):
    assert public(address) == address
    for text in (f"{address}: no video", f"see '{address}', or not", f"a ({address}); more", f"{address}: x: y"):
        assert masked(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("12:30.mp4: not a video", "Talk: one/clip.mp4", r"C:\videos\me@home.mp4", "me@home.mp4", "a=b;c?d#e.mp4"),
        *("--web 127.0.0.1:8080", "[::]:8080", "pip install 'emotion-edge[web,mqtt]'", "/dev/video0: taken", ""),
    ],
)
def test_other_text_is_left_alone(text):
    assert masked(text) == text


@pytest.mark.parametrize("text", ["", "[", "]", "@", "://", "//", "?", "a://[", "\0", "\udcff", "http://[@]", "%"])
def test_any_string_will_do(text):
    assert isinstance(public(text), str)
    assert isinstance(masked(text), str)


def said(capsys, *words):
    """Everything that a command prints that is to fail."""
    try:
        status = cli.main(list(words))
    except SystemExit as error:  # argparse's
        status = error.code
    out, err = capsys.readouterr()
    assert status == 2
    assert "Traceback" not in err
    return out + err


COMMANDS = [
    ("run", "ADDRESS"),
    ("run", "ADDRESS", "ADDRESS"),
    ("run", "0", "--mqtt", "ADDRESS"),
    ("run", "0", "--web=ADDRESS"),
    ("run", "0", "--web", "--web-host", "ADDRESS"),
    ("run", "0", "--size", "ADDRESS"),
    ("run", "0", "--rtsp-transport", "ADDRESS"),
    ("run", "0", "--model", "ADDRESS"),
    ("predict", "ADDRESS"),
    ("analyze", "ADDRESS", "--output", "reports"),
    ("analyze", "nothing.mp4", "--output", "ADDRESS"),
    ("doctor", "--model", "ADDRESS"),
    ("doctor", "ADDRESS"),
    ("ADDRESS",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    "address",
    [
        *(f"rtsp://me:{MARK}@127.0.0.1:1/live", f"rtsp://me:a/{MARK}@[::1/live", f"me:{MARK}@127.0.0.1:1"),
        *(f"ftp://me:{MARK}@127.0.0.1:1/live", f"RTSP:/me:{MARK}@127.0.0.1/live?token={MARK}"),
    ],
)
def test_a_command_that_fails_does_not_repeat_it(tmp_path, monkeypatch, capsys, caplog, command, address):
    monkeypatch.chdir(tmp_path)
    if command[0] == "doctor":  # the rest of the machine is no matter here
        monkeypatch.setattr("edge.app.doctor.run_code", lambda code: doctor.Ran(trouble=doctor.Trouble("not here")))
    words = [word.replace("ADDRESS", address) for word in command]
    assert MARK not in said(capsys, *words) + caplog.text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", [address for address in WITH_KEYS if not address.startswith("srt")])
def test_a_camera_that_does_not_answer_is_named_without_its_keys(address):
    with pytest.raises(UserError, match="no video from this address") as caught:
        open_source(address)
    assert MARK not in str(caught.value)


def test_a_run_repeats_it_nowhere(tmp_path, bundle, yunet):
    """From a real recording on a server: what it prints with --verbose, and all that it writes."""
    content = write_video(tmp_path / "clip.ts", shades(10)).read_bytes()
    out = tmp_path / "out"
    out.mkdir()
    outputs = [word for name in ("jsonl", "events", "summary") for word in (f"--{name}", str(out / name))]
    with Answering(lambda handler: respond(handler, content, Content_Length=str(len(content)))) as server:
        address = f"{server.address}/user=me_password={MARK}/clip.ts?token={MARK}"
        command = [sys.executable, "-m", "edge", "--verbose", "run", address, "--model", str(bundle), "--no-window"]
        done = subprocess.run([*command, *outputs], capture_output=True, text=True, timeout=LONG, env=os.environ)
        assert done.returncode == 0, done.stderr
        assert MARK in server.asked[0][0], "it was asked for"
    assert MARK not in done.stdout + done.stderr
    written = {path.name: path.read_text() for path in out.iterdir()}
    assert f'"source": "{server.address}/' in written["jsonl"]
    assert {name for name, text in written.items() if MARK in text} == set()


def test_a_log_line_of_a_library_is_masked():
    record = logging.LogRecord("x", logging.WARNING, "", 0, "%s: %s", (f"rtsp://me:{MARK}@cam/a", "lost"), None)
    assert cli.LogFormatter("%(levelname)s %(message)s").format(record) == "WARNING rtsp://cam/a: lost"


class TestService:
    @pytest.mark.parametrize("address", WITH_CREDENTIALS)
    def test_credentials_are_in_no_unit(self, system, capsys, address):  # noqa: F811
        for words in ([address], ["0", "--mqtt", address], ["0", "--web", address], ["0", f"--events={address}"]):
            with suppress(SystemExit):  # argparse's
                install("--yes", *words)
            assert MARK not in "".join(capsys.readouterr())
            assert not systemd.UNIT.exists() or MARK not in systemd.UNIT.read_text()

    @pytest.mark.parametrize("address", [f"rtsp://me:{MARK}@cam/", f"UDP://me:{MARK}@cam/", f"http://me:a/{MARK}@cam/"])
    def test_credentials_are_refused(self, system, capsys, address):  # noqa: F811
        assert "EMOTION_EDGE_CAMERA_PASSWORD" in said(capsys, "install-service", "--yes", address)
        assert not systemd.UNIT.exists()
        assert not systemd.SECRETS.exists()

    @pytest.mark.parametrize("address", WITH_KEYS)
    def test_keys_are_kept_for_root_alone(self, system, capsys, address):  # noqa: F811
        systemd.SECRETS.parent.mkdir(parents=True)
        systemd.SECRETS.write_text(f"# mine\n{CAMERA_ADDRESS}=old\nEMOTION_EDGE_WEB_TOKEN=abc\n")
        systemd.SECRETS.chmod(0o600)
        assert install("--yes", "--jsonl", "r.jsonl", address, "--threads", "2") == 0
        out, err = capsys.readouterr()
        text = systemd.UNIT.read_text()
        assert MARK not in out + err + text
        assert str(systemd.SECRETS) in out
        (command,) = keys(text)["ExecStart"]
        assert '"run" "--wait-for-camera" "--jsonl" "r.jsonl" "--no-window" "--threads" "2"' in command
        assert systemd.SECRETS.stat().st_mode & 0o777 == 0o600
        assert systemd.UNIT.stat().st_mode & 0o777 == 0o644
        assert systemd.SECRETS.read_text().splitlines() == [
            *("# mine", "EMOTION_EDGE_WEB_TOKEN=abc", f"{CAMERA_ADDRESS}='{address}'")
        ]

    def test_the_run_takes_it_from_there(self, system, monkeypatch):  # noqa: F811
        address = f"http://10.0.0.1/cam?user='me'&password={MARK}"
        assert install("--yes", address) == 0
        name, _, value = shlex.split(systemd.SECRETS.read_text())[0].partition("=")
        monkeypatch.setenv(name, value)
        assert typed(Run, cli.parse_arguments(["run"])).source == address.replace("'", "%27")
        assert typed(Run, cli.parse_arguments(["run", "0"])).source == "0"

    @pytest.mark.parametrize(("words", "named"), [([], '"run" "auto"'), (["0", "--threads", "1"], '"run" "0"')])
    def test_the_address_of_an_earlier_service_does_not_come_back(self, system, words, named):  # noqa: F811
        assert install("--yes", f"http://10.0.0.1/cam?password={MARK}") == 0
        assert install("--yes", *words) == 0
        assert f"{named} " in systemd.UNIT.read_text()

    def test_a_file_with_a_name_like_one_is_refused(self, system, capsys):  # noqa: F811
        told = said(capsys, "install-service", "--yes", "0", "--events", f"events?go://a?token={MARK}")
        assert "everybody can read a unit" in told

    def test_a_group_address_is_no_secret(self, system):  # noqa: F811
        assert install("--yes", "udp://@239.0.0.1:1234") == 0
        assert '"run" "udp://@239.0.0.1:1234"' in systemd.UNIT.read_text()
