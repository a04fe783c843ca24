"""Recordings: video files, pictures and folders of pictures."""

from pathlib import Path

from edge.base.errors import UserError
from edge.base.files import unreadable
from edge.base.settings import Capture
from edge.sources.image_formats import is_picture
from edge.sources.pictures import ImageSource, open_folder
from edge.sources.video import VideoFileSource


def open_file(path: Path, capture: Capture, told: set[str] | None = None) -> VideoFileSource | ImageSource:
    """Open a video, a picture or a folder of pictures.

    Args:
        path: path of the video, picture or folder.
        capture: settings for recordings.
        told: see `open_folder`.

    Raises:
        UserError: it does not exist, cannot be read, or has no frame.
    """
    try:
        path.stat()
        if path.is_dir():
            return open_folder(path, recursive=capture.recursive, strict=capture.strict, told=told)
        for option, given in (("--recursive", capture.recursive), ("--strict", capture.strict)):
            if given:
                raise UserError(f"{option} is for folders, and {path} is a file", "leave it out")
        if is_picture(path):
            return ImageSource([path])
    except (FileNotFoundError, NotADirectoryError) as error:
        remedy = "give a camera, an address, a video, an image or a folder"
        raise UserError(f"{path}: no such file, folder or camera", remedy) from error
    except OSError as error:
        raise unreadable(path, error) from error
    return VideoFileSource(path, hardware=capture.decoder)
