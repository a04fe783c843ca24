"""Bundles, clips and threads for the edge's tests, which need no TensorFlow."""

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from edge.base.classes import EMOTIONS
from edge.model.bundle import MANIFEST, model_file
from edge.model.interpreter import RUNTIMES
from edge.model.manifest import FORMAT_VERSION

FACE_TEMPLATE = {
    "landmarks": [[0.33, 0.40], [0.67, 0.40], [0.50, 0.58], [0.36, 0.76], [0.64, 0.76]],
    "box": [0.12, 0.05, 0.76, 0.95],
}

CHROMIUM_ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)

MakeBundle = Callable[..., Path]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--runtime", metavar="PACKAGE", help="the only TFLite runtime that this process is to find")


def pytest_configure(config: pytest.Config) -> None:
    """Hide better runtimes than the one that is asked for; what they bring beside, such as the schema, stays."""
    wanted = config.getoption("--runtime", None)
    for name in RUNTIMES if wanted else ():
        if not name.startswith(wanted):
            sys.modules[name] = None  # which makes importing it an ImportError


@pytest.fixture(scope="session")
def tiny() -> ModuleType:
    """The module that writes tiny models, by the schema that ai-edge-litert brings and tflite-runtime does not."""
    try:
        from . import tiny_model
    except ImportError as error:
        pytest.skip(f"no TFLite schema here to write a model by ({error})")
    return tiny_model


@pytest.fixture(scope="session")
def make_bundle(tiny: ModuleType) -> MakeBundle:
    """`make_bundle(folder, model={}, **manifest)` writes a bundle of a float32 and an int8 variant.

    `model` goes to `tiny_model`; other keywords replace values of the manifest, and None takes them out.
    """

    def make(folder: Path, model: dict[str, Any] | None = None, **changes: Any) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        variants = {}
        for variant in ("float32", "int8"):
            content = tiny.tiny_model(quantized=variant == "int8", **(model or {}))
            (folder / model_file(variant)).write_bytes(content)
            variants[variant] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        manifest = {
            "format_version": FORMAT_VERSION,
            "name": "tiny",
            "classes": list(EMOTIONS),
            "input_size": 48,
            "labels": "ferplus",
            "face_template": FACE_TEMPLATE,
            "variants": variants,
        } | changes
        kept = {key: value for key, value in manifest.items() if value is not None}
        (folder / MANIFEST).write_text(json.dumps(kept))
        return folder

    return make


@pytest.fixture(scope="session")
def bundle(make_bundle: MakeBundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle as it should be; not to be written to."""
    return make_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def write_clip() -> Callable[..., Path]:
    """`write_clip(path, frames=12, fps=20)` writes a video of 64x48; each frame is 20 levels brighter than the last."""

    def write(path: Path, frames: int = 12, fps: float = 20) -> Path:
        codec = "MJPG" if path.suffix == ".avi" else "mp4v"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (64, 48))
        assert writer.isOpened()
        for i in range(frames):
            writer.write(np.full((48, 64, 3), 20 * i % 240, np.uint8))
        writer.release()
        return path

    return write


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Chromium, driven through Playwright."""
    browsers = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = shutil.which("chromium") or pytest.skip("no Chromium here")
    with browsers.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(CHROMIUM_ARGUMENTS))
        yield browser
        browser.close()
