"""Make the pictures of the docs: runs on a drawn face, and the rating of the service's rights.

make pictures               needs Chromium, mosquitto and systemd-analyze
"""

import io
import itertools
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from math import nan
from pathlib import Path
from typing import Any

import av
import matplotlib
import mqtt_messages
import service_rating
from drawn_face import DRAWING_FPS, DRAWING_HEIGHT, DRAWING_WIDTH, frames
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from edge.outputs.video_writer import create_video
from edge.sources.pixels import BgrPixels

matplotlib.use("Agg")
from matplotlib import pyplot

DOCS = Path(__file__).parent
PROGRAM = (sys.executable, "-m", "edge.app.cli")
ADDRESS = "127.0.0.1:8093"

FILM = {"width": 960, "height": 660}
FILM_WIDTH, FILM_SECONDS, FILM_QUALITY = 720, 10.0, 70
"""Pixels; one round of the face's play; WebP's quality, 0 to 100."""
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
REPORT = {"width": 1000, "height": 1250}
TEXT_PAGE = {"width": 1240, "height": 100}
"""Pixels; the picture is as high as the page."""

PALETTE_SIZE = 256
"""Colours of a PNG's palette."""

SCRAPES = 60
PICTURED_CAMERAS = ("porch", "hall", "yard")


def main() -> None:
    """Write all pictures beside this file."""
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        folder = Path(name)
        short, long = folder / "face.mp4", folder / "camera.mp4"
        write_clip(short, rounds=1)
        write_clip(long, rounds=12)
        with live_page(long, "--loop"):
            shots, seconds = filmed(browser)
            still(browser, DESKTOP, "live-page.png", color_scheme="dark")
            still(browser, PHONE, "live-page-phone.png", color_scheme="light", device_scale_factor=1.5)
            draw_metrics(scrapes())
        save_film(shots, seconds)
        with live_page("--config", house(folder)):
            still(browser, DESKTOP, "live-page-cameras.png", camera="porch", color_scheme="dark")
        edge("run", short, "--no-window", "--video", folder / "annotated.mp4")
        save(frame(folder / "annotated.mp4", second=3.0), "annotated.png")
        edge("analyze", short, "--output", folder)
        with opened(browser, (folder / "face.html").as_uri(), REPORT) as page:
            save(shot(page), "report.png")
        whole_page(browser, TEXT_PAGE, mqtt_messages.page(mqtt_messages.received(short)), "home-automation.png")
        whole_page(browser, TEXT_PAGE, service_rating.page(folder), "service.png")


def house(folder: Path) -> Path:
    """Write a configuration of three cameras that see the drawn face, each at another moment of its play."""
    for number, name in enumerate(PICTURED_CAMERAS):
        write_clip(folder / f"{name}.mp4", rounds=1, begin=number * 60)
    loops = "capture = { loop = true, realtime = true }"
    tables = [f'[[camera]]\nname = "{name}"\nsource = "{folder}/{name}.mp4"\n{loops}\n' for name in PICTURED_CAMERAS]
    path = folder / "house.toml"
    path.write_text("\n".join(tables))
    return path


def write_clip(path: Path, rounds: int, begin: int = 0) -> None:
    """Write a video of the drawn face, which plays its emotions `rounds` times, from the frame `begin` on."""
    pictures = list(frames())
    pictures = pictures[begin:] + pictures[:begin]
    with create_video(path, (DRAWING_WIDTH, DRAWING_HEIGHT), DRAWING_FPS) as writer:
        for number in range(rounds * len(pictures)):
            writer.write(BgrPixels(pictures[number % len(pictures)]), number / DRAWING_FPS)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


def edge(*words: str | Path) -> None:
    """Run `emotion-edge` to its end."""
    subprocess.run([*PROGRAM, *words], check=True, stdout=subprocess.DEVNULL)


@contextmanager
def live_page(*words: str | Path) -> Iterator[None]:
    """Serve the live page of `emotion-edge run` with the given words."""
    command = [*PROGRAM, "run", *words, "--web", ADDRESS, "--no-window"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until_healthy()
            yield
        finally:
            process.terminate()


def wait_until_healthy() -> None:
    """Wait until frames come."""
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://{ADDRESS}/healthz").close()
            return
        except urllib.error.URLError:
            time.sleep(0.2)
    raise TimeoutError("the live page shows no frames")


@contextmanager
def opened(browser: Browser, address: str, size: dict[str, int], **options: Any) -> Iterator[Page]:
    """Open an address in a window of `size`, in CSS pixels."""
    with browser.new_context(viewport=size, **options) as context:
        page = context.new_page()
        page.goto(address)
        yield page


def shot(page: Page) -> Image.Image:
    """Return the page as it looks now."""
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def filmed(browser: Browser) -> tuple[list[Image.Image], list[float]]:
    """Return shots of the live page during one round of the play, and the seconds at which they were taken."""
    with opened(browser, f"http://{ADDRESS}/", FILM, color_scheme="dark") as page:
        page.wait_for_selector("details.face")
        page.wait_for_timeout(1000 * FILM_SECONDS)  # so that the lanes beside the face have something in them
        begin = time.monotonic()
        shots, seconds = [], []
        while (now := time.monotonic() - begin) < FILM_SECONDS:
            shots.append(shot(page))
            seconds.append(now)
    return shots, seconds


def save_film(shots: list[Image.Image], seconds: list[float]) -> None:
    """Save the shots as an animated WebP that plays at the pace at which they were taken."""
    height = round(FILM_WIDTH * FILM["height"] / FILM["width"])
    small = [one.resize((FILM_WIDTH, height), Image.Resampling.LANCZOS) for one in shots]
    durations = [round(1000 * (b - a)) for a, b in zip(seconds, [*seconds[1:], FILM_SECONDS], strict=True)]
    small[0].save(
        DOCS / "live-page.webp",
        save_all=True,
        append_images=small[1:],
        duration=durations,
        loop=0,
        quality=FILM_QUALITY,
        method=6,
    )


def still(browser: Browser, size: dict[str, int], name: str, camera: str = "", **options: Any) -> None:
    """Save the live page as it looks on a screen of `size`, after a face was there for a while."""
    with opened(browser, f"http://{ADDRESS}/?camera={camera}", size, **options) as page:
        page.wait_for_selector("details.face")
        page.wait_for_timeout(1000 * FILM_SECONDS)
        page.wait_for_selector("[data-chosen] .now[data-emotion=happy]")
        page.wait_for_timeout(1000)
        save(shot(page), name)


def whole_page(browser: Browser, size: dict[str, int], text: str, name: str) -> None:
    """Save a page that is given as HTML, over its full height."""
    with opened(browser, "about:blank", size) as page:
        page.set_content(text)
        save(Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB"), name)


def frame(video: Path, second: float) -> Image.Image:
    """Return the video's frame at `second`."""
    with av.open(str(video)) as container:
        frames = container.decode(video=0)
        return next(one for one in frames if one.time is not None and one.time >= second).to_image()


def save(picture: Image.Image, name: str) -> None:
    """Write a PNG with a palette."""
    picture.quantize(PALETTE_SIZE, kmeans=1).save(DOCS / name, optimize=True)


def scrapes() -> list[str]:
    """Ask for the metrics once a second for a minute."""
    answers = []
    for _ in range(SCRAPES):
        with urllib.request.urlopen(f"http://{ADDRESS}/metrics") as answer:
            answers.append(answer.read().decode())
        time.sleep(1)
    return answers


def draw_metrics(answers: list[str]) -> None:
    """Draw three of the metrics over the seconds of the scrapes."""
    answered = values(answers, "emotion_edge_frames_answered_total")
    age, count = (values(answers, f"emotion_edge_frame_age_seconds_{part}") for part in ("sum", "count"))
    mean_age = [1000 * a / n if n else nan for a, n in zip(steps(age), steps(count), strict=True)]
    figure, axes = pyplot.subplots(3, 1, sharex=True, figsize=(8, 4.8), layout="constrained")
    for axis, title, line in zip(
        axes,
        ("frames answered a second", "mean age of a frame, ms", "faces visible"),
        (steps(answered), mean_age, values(answers, "emotion_edge_faces_visible")[1:]),
        strict=True,
    ):
        axis.step(range(1, SCRAPES), line, where="mid")
        axis.set_title(title, loc="left", fontsize=10)
        axis.set_ylim(bottom=0)
    axes[-1].set_xlabel("seconds")
    figure.savefig(DOCS / "metrics.png", dpi=90)


def values(answers: list[str], metric: str) -> list[float]:
    """Return a metric without labels, one value a scrape."""
    return [float(found[1]) if (found := re.search(rf"^{metric} (\S+)", text, re.M)) else 0.0 for text in answers]


def steps(counts: list[float]) -> list[float]:
    """Return the differences from one scrape to the next."""
    return [after - before for before, after in itertools.pairwise(counts)]


if __name__ == "__main__":
    main()
