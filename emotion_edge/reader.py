"""Read faces of single pictures and of streams."""

import base64
import html
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.base.errors import UserError
from edge.base.files import write_whole
from edge.base.machine import quiet_libraries
from edge.base.settings import Options, Quality, Smoothing, model_folder
from edge.faces.networks import Networks
from edge.faces.recognizer import Recognizer
from edge.faces.results import FaceResult, FrameResult
from edge.outputs.annotate import annotate
from edge.pipeline.merged import merged
from edge.pipeline.pipeline import Pipeline
from edge.sources import Source, open_source
from edge.sources.frame import Frame, to_bgr
from edge.sources.pictures import decode_picture, read_image
from edge.sources.pixels import BgrPixels

AnySource = str | Path | int | Source
"""A name of a source, see `edge.sources.open_source`, or an open one."""


class Result:
    """The faces of one picture or frame.

    Attributes:
        faces: `FaceResult`s, the highest score first; empty where there is no face.
        image: the picture, uint8 BGR `[height, width, 3]`.
        source: name of the file, camera or stream.
        time: Unix seconds at capture.
    """

    def __init__(self, result: FrameResult) -> None:
        self._result = result

    @property
    def faces(self) -> tuple[FaceResult, ...]:
        return self._result.faces

    @property
    def image(self) -> np.ndarray:
        return self._result.frame.image

    @property
    def source(self) -> str:
        return self._result.frame.source

    @property
    def time(self) -> float:
        return self._result.frame.captured

    def record(self) -> dict[str, Any]:
        """Return the record that every output of `emotion-edge run` writes, ready for JSON."""
        return self._result.record()

    def plot(self, *, rgb: bool = False) -> np.ndarray:
        """Draw boxes, labels, and the probabilities of the faces that were read, over the picture.

        Args:
            rgb: whether to return RGB; by default BGR, OpenCV's order.

        Returns:
            A new picture, uint8 `[height, width, 3]`.
        """
        drawn = annotate(self._result)
        return drawn[..., ::-1] if rgb else drawn

    def save(self, path: str | Path) -> Path:
        """Write the annotated picture, in the format of the path's suffix.

        Raises:
            UserError: the suffix is not that of a picture, or the file cannot be written.
        """
        path = Path(path)
        write_whole(path, _encoded(self.plot(), path.suffix))
        return path

    def to_df(self) -> Any:
        """Return a pandas DataFrame with one row per face and the columns of `emotion-edge analyze`.

        Raises:
            UserError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise UserError("pandas is not installed", "pip install pandas") from error
        return pandas.DataFrame(self._result.rows())

    def __repr__(self) -> str:
        faces = ", ".join(face.caption for face in self.faces)
        return f"<{self.source}: {faces or 'no face'}>"

    def _repr_html_(self) -> str:
        """Show the annotated picture in a notebook."""
        picture = base64.b64encode(_encoded(self.plot(), ".jpg")).decode()
        return f'<img src="data:image/jpeg;base64,{picture}" alt="{html.escape(repr(self))}">'


class Reader:
    """Reads faces with one model; may be shared by threads, which take turns."""

    def __init__(self, options: Options) -> None:
        """Load the model and the face detector; see `load`."""
        quiet_libraries()
        self._options = options
        # Single pictures need no smoothing over time.
        self._recognizer = Recognizer.from_options(replace(options, smoothing=Smoothing(time_constant=0)))
        self._lock = threading.Lock()

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the model's classes."""
        return self._recognizer.classes

    def __call__(self, picture: Any, *, rgb: bool = False) -> Result:
        """Find the faces of a picture and classify their expressions.

        Args:
            picture: path of a file; bytes of a file; array `[height, width]` (grey), `[height, width, 3]` or
                `[height, width, 4]`, uint8 or uint16, in BGR order; or a PIL image.
            rgb: the array's colours are in RGB order.

        Raises:
            UserError: the file cannot be read.
            TypeError, ValueError: it is not a picture.
        """
        image, name = _read(picture, rgb)
        frame = Frame(time.time(), BgrPixels(image), name, time.monotonic())
        with self._lock:
            return Result(self._recognizer.recognize(frame))

    def stream(self, source: AnySource | list[AnySource]) -> Iterator[Result]:
        """Yield the result of each frame of a source, with tracked faces and smoothed labels.

        A camera drops the frames that the loop is too slow for; a recording waits for it. Several sources share the
        model, and their results come as they are made; `Result.source` tells whose it is.

        Args:
            source: see `edge.sources.open_source`: `auto`, the number or path of a camera, an address, or the path of
                a video, an image or a folder; or a list of these.

        Raises:
            UserError: a source is not there or cannot be read.
        """
        sources = source if isinstance(source, list) else [source]
        with ExitStack() as stack:
            opened = [stack.enter_context(closing(_opened(one))) for one in sources]
            networks = Networks.load(self._options)
            pipelines = [stack.enter_context(Pipeline(one, Recognizer(networks, self._options))) for one in opened]
            yield from map(Result, merged(pipelines) if len(pipelines) > 1 else pipelines[0])


def load(
    model: str | Path = "default",
    *,
    variant: str = "int8",
    threads: int = 1,
    detector_size: int | None = None,
    max_faces: int = Options.max_faces,
    quality: Quality = Quality(),  # noqa: B008 - frozen
) -> Reader:
    """Load a model.

    Args:
        model: name of a model that ships (`default`, `nano`, `fer2013`), or the folder of a bundle.
        variant: `float32`, `float16`, `dynamic` or `int8`, as far as the bundle has it, or `auto` for the fastest here.
        threads: threads of one inference.
        detector_size: longer side of the searched picture, pixels; a larger one finds smaller faces and takes longer.
            None searches at 320 pixels, and large pictures more finely as well.
        max_faces: most faces in a picture.
        quality: what a face needs to be read; 0 turns a limit off.

    Raises:
        UserError: the model is missing, damaged or not for this machine, or the detector cannot be fetched.
    """
    return Reader(
        Options(
            model=model_folder(model),
            variant=variant,
            threads=threads,
            detector_size=detector_size,
            max_faces=max_faces,
            quality=quality,
        )
    )


def _opened(source: AnySource) -> Source:
    return open_source(str(source)) if isinstance(source, str | Path | int) else source


def _read(picture: Any, rgb: bool) -> tuple[np.ndarray, str]:
    """Return a picture as uint8 BGR `[h, w, 3]`, and its name."""
    if isinstance(picture, str | Path):
        return read_image(Path(picture)), Path(picture).name
    if isinstance(picture, bytes | bytearray | memoryview):
        return decode_picture(bytes(picture), "the picture"), "bytes"
    if isinstance(picture, np.ndarray):
        return _from_array(picture, rgb), "array"
    if type(picture).__module__.startswith("PIL."):
        from PIL import ImageOps  # there, because the picture is PIL's

        upright = ImageOps.exif_transpose(picture).convert("RGBA")
        return _from_array(np.asarray(upright), rgb=True), "image"
    raise TypeError(f"a path, bytes, NumPy array or PIL image is needed, not {type(picture).__name__}")


def _from_array(array: np.ndarray, rgb: bool) -> np.ndarray:
    if array.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"the array's dtype is {array.dtype}; uint8 (0 to 255) or uint16 is needed")
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))):
        raise ValueError(f"the array's shape is {array.shape}; [height, width], [.., 3] or [.., 4] is needed")
    image = to_bgr(array)
    return np.ascontiguousarray(image[..., ::-1] if rgb and array.ndim == 3 and array.shape[2] > 1 else image)


def _encoded(image: np.ndarray, suffix: str) -> bytes:
    try:
        return cv2.imencode(suffix, image)[1].tobytes()
    except cv2.error as error:
        raise UserError(f"{suffix or 'no suffix'}: not a picture format", "end the name in .jpg or .png") from error
