"""The systemd service that updates a run's model, its timer, and the reload of the running service."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from edge.app import systemd
from edge.base.errors import UserError, needs_extra
from edge.base.files import read_regular, unreadable, write_whole
from edge.base.options import words
from edge.base.settings import InstallService, Update
from edge.fleet.versions import LARGEST_ROOT

SERVICE, TIMER = f"{systemd.SERVICE_NAME}-update.service", f"{systemd.SERVICE_NAME}-update.timer"

ROOT_FILE = "root.json"
"""Name of the trusted root metadata, beside the service's credentials."""

START_UPDATES = (
    *systemd.START[:2],
    ("systemctl", "enable", "--now", TIMER),
    # A run that is started before this one has made the link to the model is started again after some seconds.
    ("systemctl", "start", "--no-block", SERVICE),
    *systemd.START[2:],
)
STOP_UPDATES = (("systemctl", "disable", "--now", TIMER),)

SERVICE_TEXT = """\
{mark}
[Unit]
Description=Update of the model of {name}
Wants=network-online.target
After=network-online.target time-sync.target

[Service]
Type=oneshot
ExecStart=:{command}
TimeoutStartSec=15min
Nice=19

# The user of the run, whom a signal from here may reach.
{user}
StateDirectory={name}
StateDirectoryMode=0700
WorkingDirectory={state}
UMask=0077
Environment=EMOTION_EDGE_CACHE={weights} XDG_STATE_HOME={state}
PrivateDevices=yes

{sandbox}
LimitCORE=0
MemoryMax=512M
TasksMax=128
"""

TIMER_TEXT = """\
{mark}
[Unit]
Description=Updates of the model of {name}

[Timer]
# Boards that get power at the same time do not ask at the same time.
OnBootSec=2min
OnUnitInactiveSec=6h
RandomizedDelaySec=1h

[Install]
WantedBy=timers.target
"""

RELOAD_BY_HAND = f"'sudo systemctl reload {systemd.SERVICE_NAME}' lets the service load it"


def units(settings: InstallService) -> dict[Path, str]:
    """Return the texts of the service of updates and its timer, by path.

    Raises:
        UserError: a package is missing, no root is trusted, or the address cannot be one of a service.
    """
    with needs_extra("update"):
        from edge.fleet.client import check_address, check_root
    updates, run = settings.updates, settings.run
    assert updates.address
    check_address(updates.address)
    check_root(_root(updates.trust), str(updates.trust or root_file()))
    folder = systemd.STATE / systemd.FETCHED
    update = Update(updates.address, updates.group, root_file(), folder, run.recognition.model)
    command = [sys.executable, "-P", "-m", "edge", "update", *words(update)]
    service = SERVICE_TEXT.format(
        mark=systemd.MARK,
        name=systemd.SERVICE_NAME,
        command=" ".join(systemd.quoted(str(word)) for word in command),
        user=f"User={settings.user}" if settings.user else f"DynamicUser=yes\nUser={systemd.SERVICE_NAME}",
        state=systemd.STATE,
        weights=systemd.WEIGHTS,
        sandbox=systemd.sandbox(systemd.visible(run)),
    )
    timer = TIMER_TEXT.format(mark=systemd.MARK, name=systemd.SERVICE_NAME)
    texts = {systemd.UNIT.with_name(SERVICE): service, systemd.UNIT.with_name(TIMER): timer}
    for path in texts:
        systemd.check_ours(path)
    return texts


def root_file() -> Path:
    """Return the path of the root metadata that the service trusts."""
    return systemd.SECRETS.with_name(ROOT_FILE)


def keep_root(given: Path | None) -> None:
    """Copy the trusted root metadata to where the service reads it."""
    content = _root(given)
    os.umask(0o022)
    write_whole(root_file(), content)


def installed() -> list[Path]:
    """Return the units of updates that are there."""
    return [path for name in (SERVICE, TIMER) if (path := systemd.UNIT.with_name(name)).exists()]


def uninstall() -> None:
    """Stop the timer and remove the units of updates; fetched bundles stay."""
    if found := installed():
        systemd.call(STOP_UPDATES)
        for path in found:
            path.unlink()


def reload_service() -> str:
    """Let the running service load its model again; return what was done, in words.

    The signal is sent from here, since systemctl serves root alone, and the service of updates has the run's user.
    """
    if not shutil.which("systemctl"):
        return "a run loads it at SIGHUP, or when it starts"
    asked = ["systemctl", "show", "--property=ActiveState,MainPID", systemd.UNIT.name]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=10)
    answer = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    process = int(answer.get("MainPID") or 0)
    if answer.get("ActiveState") != "active" or not process:  # a signal would end a process that is starting
        return "no service runs that could load it; a run loads it at SIGHUP, or when it starts"
    try:
        os.kill(process, signal.SIGHUP)
    except OSError:
        return RELOAD_BY_HAND
    return "the service loads it now"


def _root(given: Path | None) -> bytes:
    path = given or root_file()
    try:
        return read_regular(path, LARGEST_ROOT)
    except FileNotFoundError as error:
        raise UserError(f"{path}: no root is trusted yet", "name the publisher's root.json by --trust") from error
    except OSError as error:
        raise unreadable(path, error) from error
