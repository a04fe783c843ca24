"""Every option of `emotion-edge`, declared once: name, type, range, default, flag and help.

The command line, configuration files, the service unit, the settings table of reports and the tables of options in the
documentation are all made from these classes, see `edge.base.options`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from msgspec import Meta

from edge.base.credentials import CAMERA_PASSWORD, CAMERA_USER, MQTT_PASSWORD, MQTT_USER
from edge.base.network import CAMERA_ADDRESS
from edge.base.options import OMITTED, Option
from edge.base.values import Address, Control, Size, parse_host, parse_name

PACKAGE = Path(__file__).resolve().parents[1]

MODELS = next(
    (place for place in (PACKAGE / "models", PACKAGE.parent / "models") if place.is_dir()), PACKAGE / "models"
)
"""Folder of the bundles that ship: inside the installed package, or beside it in a checkout."""

DEFAULT_BUNDLE = MODELS / "default"

VARIANTS = ("float32", "float16", "dynamic", "int8")
DETECTORS = ("yunet", "haar")

Count = Annotated[int, Meta(ge=1)]
AtLeastZero = Annotated[float, Meta(ge=0)]
Seconds = AtLeastZero
Share = Annotated[float, Meta(ge=0, le=1)]
Rate = Annotated[float, Meta(ge=0.1)]
Days = Annotated[float, Meta(ge=0.01)]
Megabytes = Annotated[float, Meta(ge=1)]
SearchSide = Annotated[int, Meta(ge=32)]


def model_folder(model: str | Path) -> Path:
    """Return the folder of a bundle, given its path or the name of one that ships; a folder here is `./name`, too."""
    named = Path(model).name == str(model) and (MODELS / model / "manifest.json").is_file()
    return MODELS / model if named else Path(model)


def model_name(folder: Path) -> str:
    """Return the name of a bundle that ships, and the path of any other."""
    return folder.name if folder.parent == MODELS else str(folder)


Model = Annotated[
    Path,
    Option(
        "default, nano, fer2013, or a bundle's folder",
        "--model",
        "NAME",
        read=lambda word: model_folder(parse_name(word)),
        write=model_name,
    ),
]


@dataclass(frozen=True)
class Smoothing:
    """Settings of the smoother, which keeps labels steady."""

    time_constant: Annotated[
        Seconds,
        Option(
            "time after which a label's change has gone two thirds of its way; 0 takes each frame as it is",
            "--smoothing-ms",
            "MS",
            unit="s",
        ),
    ] = 0.3
    margin: Annotated[
        Share, Option("a class that is more probable than the present label by this much replaces it at once")
    ] = 0.1
    unsure_below: Annotated[Share, Option("a label needs at least this probability to begin with")] = 0.35
    slack: Annotated[Share, Option("how far below that its probability may fall later")] = 0.05
    dwell: Annotated[
        Seconds,
        Option(
            "time for which a label may stay that is less probable than that, or than another class by less than the "
            "margin",
            unit="s",
        ),
    ] = 0.3


@dataclass(frozen=True)
class EventLimits:
    """Conditions under which a change of emotion is an event."""

    title: ClassVar = "events, of --events, --mqtt and --metrics"

    min_seconds: Annotated[
        Seconds,
        Option("time for which an emotion must last before its change is an event", "--event-min-ms", "MS", unit="s"),
    ] = 0.5
    min_confidence: Annotated[
        Share, Option("lowest confidence that it must have meanwhile", "--event-min-confidence", "P")
    ] = 0.5


@dataclass(frozen=True)
class Quality:
    """Least quality of a face that is labelled; 0 asks for nothing."""

    min_face_size: Annotated[AtLeastZero, Option("smallest labelled face: shorter side of its box", unit="pixels")] = (
        24.0
    )
    min_sharpness: Annotated[AtLeastZero, Option("lowest sharpness of a labelled face")] = 0.02
    max_turn: Annotated[AtLeastZero, Option("largest turn of a labelled face to either side", unit="degrees")] = 50.0


@dataclass(frozen=True)
class Cameras:
    """Settings that cameras and streams are asked for; they may grant others."""

    title: ClassVar = "cameras and streams"

    size: Annotated[
        Size | None,
        Option(
            "picture that a camera is asked for, or that raw frames have",
            "--size",
            "WxH",
            unit="pixels",
            read=Size.parse,
        ),
    ] = None
    fps: Annotated[
        Rate | None, Option("frames a second that a camera is asked for, or that raw frames have", "--fps", "N")
    ] = None
    preview_side: Annotated[
        SearchSide,
        Option("longer side of the small picture that a Raspberry Pi's camera makes as well", unit="pixels"),
    ] = 320
    controls: Annotated[
        Mapping[str, bool | int | float | list[int | float]],
        Option(
            "a control of libcamera's for a Raspberry Pi's camera, as ExposureTime=10000; may be given again",
            "--control",
            "NAME=VALUE",
            read=Control.parse,
            write=lambda item: str(Control(*item)),
        ),
    ] = field(default_factory=dict)
    rtsp_transport: Annotated[
        str,
        Option(
            "how RTSP cameras send: udp has less delay, and holes where packets are lost",
            "--rtsp-transport",
            choices=("tcp", "udp"),
        ),
    ] = "tcp"
    pixel_format: Annotated[
        str, Option("of raw frames: bgr24, rgb24, gray, yuv420p, nv12", "--pixel-format", "FORMAT")
    ] = "bgr24"
    live: Annotated[
        bool,
        Option("standard input is about now: drop late frames instead of holding their sender back", "--live"),
    ] = False
    decoder: Annotated[
        str | None,
        Option(
            "hardware that decodes videos and streams; where this machine has none, software does",
            "--decoder",
            choices=("v4l2m2m",),
        ),
    ] = None


@dataclass(frozen=True)
class Folders:
    """Settings of folders of images."""

    title: ClassVar = "folders of images"

    recursive: Annotated[bool, Option("read the images of the folders in it, too", "--recursive")] = False
    strict: Annotated[bool, Option("end at the first image that cannot be read", "--strict")] = False


@dataclass(frozen=True)
class Playback:
    """Settings of recordings."""

    title: ClassVar = "videos, images and folders"

    realtime: Annotated[
        bool | None,
        Option(
            "play at the recording's own pace and drop late frames, like a camera; the default with --loop, and with "
            "--web where nothing is written",
            "--realtime",
        ),
    ] = None
    loop: Annotated[bool, Option("start again at the end", "--loop")] = False


@dataclass(frozen=True)
class Capture(Playback, Folders, Cameras):
    """Settings of sources."""


@dataclass(frozen=True)
class Options:
    """Settings of detection and classification."""

    title: ClassVar = "recognition"

    model: Model = DEFAULT_BUNDLE
    variant: Annotated[str, Option("which model of the bundle", "--variant", choices=VARIANTS)] = "int8"
    threads: Annotated[Count, Option("threads of one inference", "--threads", "N")] = 1
    detector: Annotated[str, Option("finder of faces; haar: OpenCV 4 only", "--detector", choices=DETECTORS)] = "yunet"
    detector_size: Annotated[
        SearchSide | None,
        Option(
            "longer side of the picture that is searched: more finds smaller faces and takes longer",
            "--detector-size",
            "PIXELS",
            unit="pixels",
            default="320, and large pictures more finely as well",
        ),
    ] = None
    detector_threshold: Annotated[Share, Option("lowest score of a face")] = 0.6
    detect_interval: Annotated[
        Seconds,
        Option(
            "time between two searches of the whole picture; known faces are followed in between; 0: every frame",
            "--detect-interval-ms",
            "MS",
            unit="s",
        ),
    ] = 0.2
    max_classifications: Annotated[
        Count,
        Option(
            "faces that are classified in one frame; where there are more, they take turns",
            "--max-classifications",
            "N",
        ),
    ] = 2
    max_faces: Annotated[
        Count,
        Option("faces a frame that are followed, the surest first; the others are counted", "--max-faces", "N"),
    ] = 16
    smoothing: Smoothing = field(default_factory=Smoothing)
    personal_baseline: Annotated[
        bool,
        Option(
            "judge each face by its own expression at rest, learnt from 3 seconds and kept in memory only",
            "--personal-baseline",
        ),
    ] = False
    quality: Quality = field(default_factory=Quality)


@dataclass(frozen=True)
class Outputs:
    """Destinations of a run's results."""

    title: ClassVar = "outputs"

    video: Annotated[Path | None, Option("write the annotated video: .mp4, .mkv or .webm", "--video", "FILE")] = None
    images: Annotated[Path | None, Option("write annotated copies of the images that are read", "--images", "DIR")] = (
        None
    )
    jsonl: Annotated[Path | None, Option("write the records, one a line; - for standard output", "--jsonl", "FILE")] = (
        None
    )
    events: Annotated[Path | None, Option("write who came, left and changed, one event a line", "--events", "FILE")] = (
        None
    )
    summary: Annotated[Path | None, Option("write the summary as JSON", "--summary", "FILE")] = None
    mqtt: Annotated[
        str | None,
        Option(
            "tell a broker, and Home Assistant through it: mqtt://host[:port][/prefix], or mqtts:// for TLS",
            "--mqtt",
            "ADDRESS",
            credentials=(MQTT_USER, MQTT_PASSWORD),
        ),
    ] = None
    metrics: Annotated[
        Address | None,
        Option(
            "serve metrics for Prometheus, at 127.0.0.1:9108 where nothing else is said",
            "--metrics",
            "HOST:PORT",
            bare=Address("127.0.0.1", 9108),
            read=Address.parse,
        ),
    ] = None
    window: Annotated[bool, Option("show a window", "--no-window")] = True

    @property
    def paths(self) -> list[Path]:
        """Files and folders that are written to."""
        return [path for path in (self.video, self.images, self.jsonl, self.events, self.summary) if path]


@dataclass(frozen=True)
class Store:
    """Settings of a run's history, which is a database."""

    title: ClassVar = "history"

    path: Annotated[
        Path | None,
        Option("keep a history in this database: faces by the second, and events, but no pictures", "--store", "FILE"),
    ] = None
    keep_days: Annotated[Days, Option("age at which its contents are removed", unit="days")] = 365.0
    max_size: Annotated[Megabytes, Option("size at which its oldest contents are removed", unit="MB")] = 500.0


@dataclass(frozen=True)
class Page:
    """Settings of the live page."""

    title: ClassVar = "live page"

    address: Annotated[
        Address | None,
        Option(
            "show it in browsers; on this machine alone, at port 8080, unless an address is given",
            "--web",
            "HOST:PORT",
            bare=Address("127.0.0.1", 8080),
            read=Address.parse,
        ),
    ] = None
    certificate: Annotated[Path | None, Option("certificate of the page, PEM, for https", "--web-cert", "FILE")] = None
    key: Annotated[Path | None, Option("its key", "--web-key", "FILE")] = None
    proxied_as: Annotated[
        tuple[str, ...],
        Option(
            "name by which a proxy is asked for the page; a token is needed then; may be given again",
            "--web-host",
            "NAME",
            read=parse_host,
        ),
    ] = ()


@dataclass(frozen=True)
class Run:
    """Settings of a run."""

    source: Annotated[
        str,
        Option(
            "auto, picamera2, camera number, /dev/video…, rtsp:// or http:// address, video, image, folder, or - for "
            "standard input",
            "source",
            default=f"${CAMERA_ADDRESS}, else auto",
            variable=CAMERA_ADDRESS,
            credentials=(CAMERA_USER, CAMERA_PASSWORD),
            read=parse_name,
        ),
    ] = "auto"
    config: Annotated[
        Path | None, Option("read options from a TOML file; those on the command line win", "--config", "FILE")
    ] = None
    list_sources: Annotated[bool, Option("say what cameras there are, and end", "--list-sources")] = False
    wait_for_camera: Annotated[bool, Option("wait for a camera that is not there yet", "--wait-for-camera")] = False
    capture: Capture = field(default_factory=Capture)
    outputs: Outputs = field(default_factory=Outputs)
    store: Store = field(default_factory=Store)
    events: EventLimits = field(default_factory=EventLimits)
    page: Page = field(default_factory=Page)
    recognition: Options = field(default_factory=Options)

    @property
    def paths(self) -> list[Path]:
        """Files and folders that are written to."""
        return [*self.outputs.paths, *([self.store.path] if self.store.path else [])]


NOT_IN_FILES = ("list_sources", "config")
"""Settings of a run that its configuration file has not."""

ADJUSTABLE = (
    "events.",
    "recognition.max_classifications",
    "recognition.max_faces",
    "recognition.smoothing.",
    "recognition.quality.",
)
"""Beginnings of the names of a run's settings that can be changed without a restart."""

IMAGE_OPTIONS = Options(smoothing=Smoothing(time_constant=0.0))
"""Settings for images, which have no past."""

OMIT_CLASSIFICATION_LIMIT = {OMITTED: ("max_classifications",)}
"""Metadata of recognition options that classify each face in each frame."""

OMIT_VIDEO_OPTIONS = {OMITTED: ("max_classifications", "personal_baseline")}
"""Metadata of recognition options for images."""


@dataclass(frozen=True)
class Predict(Folders):
    """Settings of `predict`."""

    images: Annotated[tuple[Path, ...], Option("an image, or a folder of images", "images", "IMAGE")] = ()
    output: Annotated[Path | None, Option("write annotated copies of the images there", "--output", "DIR")] = None
    recognition: Options = field(default=IMAGE_OPTIONS, metadata=OMIT_VIDEO_OPTIONS)


@dataclass(frozen=True)
class Wanted:
    """Wanted parts of a report."""

    annotated: Annotated[bool, Option("write an annotated video, too", "--annotate")] = False
    thumbnails: Annotated[bool, Option("show small pictures of faces in the report", "--no-thumbnails")] = True
    blur: Annotated[bool, Option("make faces unrecognizable in all pictures that are written", "--blur")] = False


@dataclass(frozen=True)
class Analyze:
    """Settings of `analyze`."""

    videos: Annotated[tuple[Path, ...], Option("a video, or a folder of videos", "videos", "VIDEO")]
    output: Annotated[Path, Option("where the reports go", "--output", "DIR")]
    jobs: Annotated[Count | None, Option("videos at a time", "--jobs", "N", default="one a core")] = None
    wanted: Wanted = field(default_factory=Wanted)
    recognition: Options = field(default_factory=Options, metadata=OMIT_CLASSIFICATION_LIMIT)


@dataclass(frozen=True)
class Demo:
    """Settings of `demo`."""

    directory: Annotated[Path, Option("where the results go", "--directory", "DIR")] = Path("demo")
    events: EventLimits = field(default_factory=EventLimits)
    page: Page = field(default_factory=Page)
    recognition: Options = field(default_factory=Options)


@dataclass(frozen=True)
class Config:
    """Settings of `config`."""

    action: Annotated[
        str,
        Option(
            "check: find the mistakes of FILE; show: print all options with those of FILE, as a file again; schema: "
            "print the JSON schema, for editors",
            "action",
            choices=("check", "show", "schema"),
        ),
    ]
    file: Annotated[Path | None, Option("configuration file, TOML", "file", "FILE")] = None


@dataclass(frozen=True)
class Doctor:
    """Settings of `doctor`."""

    model: Model = DEFAULT_BUNDLE


@dataclass(frozen=True)
class InstallService:
    """Settings of `install-service`."""

    user: Annotated[str | None, Option("who it runs as", "--user", "NAME", default="a user of its own")] = None
    yes: Annotated[bool, Option("do not ask", "--yes")] = False
    run: Run = field(default_factory=Run, metadata={OMITTED: ("list_sources",)})


@dataclass(frozen=True)
class UninstallService:
    """Settings of `uninstall-service`."""

    yes: Annotated[bool, Option("do not ask", "--yes")] = False
