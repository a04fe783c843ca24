"""The systemd service of a run: its unit, installation and removal."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from edge.app.config import from_file
from edge.base.assets import YUNET, fetch
from edge.base.errors import UserError
from edge.base.files import write_whole
from edge.base.network import CAMERA_ADDRESS, masked, public
from edge.base.options import words
from edge.base.settings import Run
from edge.fleet.versions import CURRENT
from edge.model.fastest_variant import load_chosen
from edge.sources.kinds import NETWORK, kind_of

SERVICE_NAME = "emotion-edge"
UNIT = Path("/etc/systemd/system") / f"{SERVICE_NAME}.service"
BOOTED = Path("/run/systemd/system")
"""Folder that exists if systemd runs the system."""

SECRETS = Path("/etc") / SERVICE_NAME / "environment"
"""Credentials as `NAME=value` lines; systemd reads it as root, so nobody else needs to."""

STATE, WEIGHTS = Path("/var/lib") / SERVICE_NAME, Path("/var/cache") / SERVICE_NAME
"""The only folder that the service may write to, and that of the fetched weights, which it only reads."""

FETCHED = "models"
"""Folder of the fetched bundles in `STATE`."""

HANDED_OVER = Path("/run/credentials") / UNIT.name
"""Folder of the copies that systemd makes of root's files for the service."""

CERTIFICATE, KEY = "web-cert", "web-key"
"""Names of the copies."""

FIRST_PORT = 1024
"""Lower ports need a privilege that the service lacks."""

HIDDEN_FOLDERS = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108 - not used as temporary folders
"""Folders of which the service sees only the needed parts."""

READ, SEARCH = 0o4, 0o1
"""Rights of others, in the mode of a file or folder."""

MARK = f"# Written by '{SERVICE_NAME} install-service', taken away by '{SERVICE_NAME} uninstall-service'."

WATCHDOG_TIMEOUT = 90
"""Seconds without a heartbeat after which systemd restarts a run; attempts to open a lost camera are 40 s apart."""

BACK_OFF_SINCE = 254
"""The first version of systemd with growing pauses between restarts."""

START = (
    ("systemctl", "daemon-reload"),
    ("systemctl", "enable", UNIT.name),
    ("systemctl", "restart", "--no-block", UNIT.name),  # or it would wait for the camera
)

STOP = (("systemctl", "disable", "--now", UNIT.name),)
RELOAD = (("systemctl", "daemon-reload"),)

SANDBOX = """\
# The system is there to be read, homes are not there at all.
ProtectSystem=strict
ProtectHome=tmpfs
PrivateTmp=yes
{seen}ProtectProc=invisible
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes

NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
# Netlink tells libcamera of devices that come and go, and look-ups of names of this machine's addresses.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
"""
"""Rights that no service of this package needs."""

UNIT_TEXT = """\
{mark}
[Unit]
Description=Facial expressions in real time
After=network.target
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart=:{command}
ExecReload=/bin/kill -HUP $MAINPID
WatchdogSec={lives}
Restart=on-failure
RestartSec=5
{back_off}TimeoutStopSec=10

{user}
SupplementaryGroups=video
StateDirectory={name}
StateDirectoryMode=0700
WorkingDirectory={state}
UMask=0077
Environment=EMOTION_EDGE_CACHE={weights} XDG_STATE_HOME={state}
EnvironmentFile=-{secrets}
{handed_over}
# Fetched models, which the service of updates writes.
ReadOnlyPaths=-{models}

# Cameras, and the memory that they write pictures to; vcio has the firmware's flags of heat and voltage.
DevicePolicy=closed
DeviceAllow=char-video4linux rw
DeviceAllow=char-media rw
DeviceAllow=char-dma_heap rw
DeviceAllow=/dev/vchiq rw
DeviceAllow=/dev/vcio rw

{sandbox}
# A dump of its memory would be a picture of whoever is there.
LimitCORE=0
MemoryMax=512M
# The processes that decode what strangers send and validate models are ended first, and the run goes on.
OOMPolicy=continue
TasksMax=128

[Install]
WantedBy=multi-user.target
"""


def unit_text(
    command: Sequence[str | Path],
    seen: Sequence[Path],
    user: str | None,
    systemd: int,
    handed_over: Sequence[tuple[str, Path]] = (),
) -> str:
    """Return the text of a unit.

    Args:
        command: program and arguments; nothing in them is expanded.
        seen: files and folders below `HIDDEN_FOLDERS` that it needs to read.
        user: user of the service; None for one that exists only while it runs.
        systemd: version of systemd.
        handed_over: names in `HANDED_OVER`, and the files that systemd copies there.

    Raises:
        UserError: a word cannot be written into a unit.
    """
    if set(str(command[0])) & set("\"'\\"):
        raise UserError(f"{command[0]}: systemd cannot start a program with quotes in its path", "move it elsewhere")
    return UNIT_TEXT.format(
        mark=MARK,
        name=SERVICE_NAME,
        command=" ".join(quoted(str(word)) for word in command),
        lives=WATCHDOG_TIMEOUT,
        back_off="RestartSteps=6\nRestartMaxDelaySec=300\n" if systemd >= BACK_OFF_SINCE else "",
        user=f"User={user}" if user else "DynamicUser=yes",
        state=STATE,
        weights=WEIGHTS,
        secrets=SECRETS,
        models=STATE / FETCHED,
        sandbox=sandbox(seen),
        handed_over="".join(f"LoadCredential={name}:{_escaped(str(path))}\n" for name, path in handed_over),
    )


def sandbox(seen: Sequence[Path]) -> str:
    """Return the lines of a unit that restrict it; `seen` are the parts of hidden folders that it needs to read."""
    return SANDBOX.format(seen="".join(f"BindReadOnlyPaths={quoted(str(path))}\n" for path in seen))


def unit_for(run: Run, user: str | None, *, updated: bool = False) -> str:
    """Return the unit for a run of `emotion-edge` on this machine.

    Args:
        run: its settings.
        user: as for `unit_text`.
        updated: whether it uses the model that another service fetches, instead of its own.

    Raises:
        UserError: such a run cannot be a service.
    """
    _check_paths(run)
    seen = visible(run)
    _check_user(user, seen)
    if run.config:
        _check_config(run.config, user)
    _check_ports(run)
    if SECRETS.exists() and SECRETS.stat().st_mode & 0o077:
        raise UserError(f"{SECRETS}: others may read the credentials in it", f"run 'chmod 600 {SECRETS}'")
    # -P: Python must not import from the folder that the service writes to.
    command = [sys.executable, "-P", "-m", "edge", "run", *_public_words(_served(run, updated=updated))]
    return unit_text(command, seen, user, systemd_version(), _handed_over(run))


def _served(run: Run, *, updated: bool) -> Run:
    """Return the settings of a run that has no display, and reads copies of root's files and the fetched model."""
    if updated:
        run = replace(run, recognition=replace(run.recognition, model=STATE / FETCHED / CURRENT))
    page = run.page
    if page.certificate and page.key:
        page = replace(page, certificate=HANDED_OVER / CERTIFICATE, key=HANDED_OVER / KEY)
    config = run.config and run.config.absolute()
    return replace(run, config=config, wait_for_camera=True, outputs=replace(run.outputs, window=False), page=page)


def private_address(source: str) -> str | None:
    """Return a camera's address if it may contain a key, which does not belong into a unit; None for others."""
    return source if kind_of(source) in NETWORK and public(source) != source else None


def check_systemd() -> None:
    """Raise UserError if systemd does not run this system, or if another unit has our name."""
    if not BOOTED.is_dir():
        raise UserError("this system does not run systemd", f"let its own service manager start '{SERVICE_NAME} run'")
    check_ours(UNIT)


def check_ours(unit: Path) -> None:
    """Raise UserError if a unit is somebody else's."""
    if unit.exists() and not unit.read_text().startswith(MARK):
        raise UserError(f"{unit}: another unit has this name", "remove or rename it")


def check_root() -> None:
    """Raise UserError unless this user is root."""
    if os.geteuid() != 0:
        raise UserError("only root may do that; nothing was done", "run it with sudo")


def install(units: Mapping[Path, str], address: str | None, start: Sequence[Sequence[str]]) -> None:
    """Write units and their files, and start or restart them.

    Args:
        units: texts by path.
        address: address of the camera, if the unit does not have it.
        start: commands that start them.
    """
    if address:
        _keep_address(address)
    os.umask(0o022)  # everybody may read units and weights
    write_whole(WEIGHTS / YUNET.file_name, fetch(YUNET).read_bytes())
    for path, text in units.items():
        write_whole(path, text)
    call(start)


def check_installed() -> None:
    """Raise UserError if there is no service to remove."""
    if not UNIT.exists():
        raise UserError(f"{UNIT}: the service is not installed", f"'{SERVICE_NAME} install-service' makes one")


def uninstall() -> None:
    """Stop the service and remove its files; its records and credentials stay."""
    call(STOP)
    UNIT.unlink()
    (WEIGHTS / YUNET.file_name).unlink(missing_ok=True)
    call(RELOAD)


def systemd_version() -> int:
    """Return the version of the installed systemd; 0 where it is unknown."""
    try:
        answer = subprocess.run(["systemctl", "--version"], capture_output=True, text=True, timeout=10, check=True)
        return int(answer.stdout.split()[1])
    except (OSError, subprocess.SubprocessError, IndexError, ValueError):
        return 0


def _public_words(run: Run) -> list[str]:
    """Return a run's words without a private address, and without what its configuration file says.

    Raises:
        UserError: another word contains a secret, or the private address would not be read.
    """
    base = from_file(run.config) if run.config else None
    private = private_address(run.source)
    if private and base and base.source != Run.source:
        raise UserError(f"{run.config}: has a source, which wins over {CAMERA_ADDRESS}", "leave it out of the file")
    public_words = words(run, ("source",) if private else (), base)
    for word in public_words:
        if masked(word) != word:
            remedy = f"leave it out: credentials are set in {SECRETS}, see 'Credentials' in docs/service.md"
            raise UserError(f"{word}: everybody can read a unit", remedy)
    return public_words


def _keep_address(address: str) -> None:
    """Add a camera's address to the file that only root may read."""
    name = f"{CAMERA_ADDRESS}="
    kept = SECRETS.read_text().splitlines() if SECRETS.exists() else []
    # systemd changes nothing within single quotes; a single quote in the address is percent-encoded.
    line = f"{name}'{address.replace(chr(39), '%27')}'"
    os.umask(0o077)
    SECRETS.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_whole(SECRETS, "\n".join([*(other for other in kept if not other.startswith(name)), line]) + "\n")


def _check_paths(run: Run) -> None:
    if "-" in run.sources:
        raise UserError("a service has no standard input", "name a camera or an address")
    model = run.recognition.model
    load_chosen(run.recognition)  # which refuses what is no bundle, or has no such variant
    for path in (*map(Path, run.sources), model):
        if path.exists() and not path.is_absolute():
            raise UserError(f"{path}: a service starts in another folder", f"give the whole path: {path.resolve()}")
    for path in (*run.paths, *run.folders):
        if str(path) != "-" and not (STATE / path).resolve().is_relative_to(STATE.resolve()):
            raise UserError(
                f"{path}: the service may write to {STATE} only", "name a file without a folder: it will be there"
            )


def _check_ports(run: Run) -> None:
    for address in (run.page.address, run.outputs.metrics):
        if address and 0 < address.port < FIRST_PORT:
            raise UserError(f"port {address.port}: the service may not use it", f"name one from {FIRST_PORT}")


def _handed_over(run: Run) -> list[tuple[str, Path]]:
    """Return the names of copies in `HANDED_OVER`, and the files that they are of."""
    named = (CERTIFICATE, run.page.certificate), (KEY, run.page.key)
    return [(name, path.absolute()) for name, path in named if path]


def visible(run: Run) -> list[Path]:
    """Return program, model and recorded source, if they are in folders that are hidden from the service."""
    needed = {Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2], run.recognition.model.absolute()}
    needed |= {Path(source) for source in run.sources if Path(source).exists()}
    if run.config:
        needed.add(run.config.absolute())
    hidden = sorted(path for path in needed if any(path.is_relative_to(place) for place in HIDDEN_FOLDERS))
    return [path for path in hidden if not set(path.parents) & set(hidden)]


def _check_user(user: str | None, seen: Sequence[Path]) -> None:
    if user:
        import pwd  # here, because Windows has none and this module tells its users so

        try:
            pwd.getpwnam(user)
        except KeyError as error:
            raise UserError(f"{user}: no such user", "name an existing user, or leave --user out") from error
        return
    for path in seen:
        if path.is_dir() and path.stat().st_mode & 0o005 != 0o005:
            raise UserError(
                f"{path}: the service's user cannot read the program there",
                f"run 'chmod o+rx {path}', or name a user that can by --user",
            )


def _check_config(path: Path, user: str | None) -> None:
    """Check that the service's user may read the configuration file; what is in hidden folders is mounted for it."""
    path = path.absolute()
    hidden = any(path.is_relative_to(place) for place in HIDDEN_FOLDERS)
    for folder in () if hidden else path.parents:
        if not has_right(folder, SEARCH, user):
            raise UserError(
                f"{folder}: the service cannot enter this folder to read {path.name}", f"run 'chmod o+x {folder}'"
            )
    if not has_right(path, READ, user):
        raise UserError(f"{path}: the service cannot read it", f"run 'chmod o+r {path}'")


def has_right(path: Path, right: int, user: str | None) -> bool:
    """Return whether a user, or one that does not exist yet, has a right by a path's permissions."""
    status = path.stat()
    if user:
        import pwd

        entry = pwd.getpwnam(user)
        if status.st_uid == entry.pw_uid:
            return bool(status.st_mode & right << 6)
        if status.st_gid in os.getgrouplist(user, entry.pw_gid):
            return bool(status.st_mode & right << 3)
    return bool(status.st_mode & right)


def call(commands: Sequence[Sequence[str]]) -> None:
    """Run commands.

    Raises:
        UserError: one of them failed.
    """
    for command in commands:
        try:
            subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
        except (OSError, subprocess.SubprocessError) as error:
            said = str(getattr(error, "stderr", None) or "").strip() or str(error)
            raise UserError(
                f"'{' '.join(command)}' failed ({said.splitlines()[-1]})",
                f"see 'systemctl status {SERVICE_NAME}' and 'journalctl -u {SERVICE_NAME}'",
            ) from error


def quoted(word: str) -> str:
    """Quote a word for a unit."""
    escaped = _escaped(word).replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def _escaped(word: str) -> str:
    """Escape the characters of a word that have a meaning in a unit.

    Raises:
        UserError: it has control characters, such as an end of line.
    """
    if not word.isprintable():
        raise UserError(f"{word!r}: has unprintable characters", "rename it")
    return word.replace("%", "%%")
