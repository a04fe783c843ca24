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
from edge.base.hours import Hours
from edge.base.network import CAMERA_ADDRESS
from edge.base.options import OMITTED, Option
from edge.base.shard import Shard
from edge.base.values import (
    Address,
    AtLeastOne,
    Control,
    Share,
    Size,
    parse_camera,
    parse_clock,
    parse_cluster,
    parse_header,
    parse_host,
    parse_name,
    parse_time,
    parse_webhook,
)

PACKAGE_FOLDER = Path(__file__).resolve().parents[1]

MODELS = next(
    (place for place in (PACKAGE_FOLDER / "models", PACKAGE_FOLDER.parent / "models") if place.is_dir()),
    PACKAGE_FOLDER / "models",
)
"""Folder of the bundles that ship: inside the installed package, or beside it in a checkout."""

DEFAULT_BUNDLE = MODELS / "default"

VARIANTS = ("float32", "float16", "dynamic", "int8")
AUTO = "auto"
"""The variant that is the fastest on this machine."""
DETECTORS = ("yunet", "haar")

AtLeastZero = Annotated[float, Meta(ge=0)]
Seconds = AtLeastZero
Rate = Annotated[float, Meta(ge=0.1)]
Days = Annotated[float, Meta(ge=0.01)]
Pins = Annotated[int, Meta(ge=0, le=63)]
Megabytes = Annotated[float, Meta(ge=1)]
Minutes = Annotated[float, Meta(ge=0.1)]
SearchSide = Annotated[int, Meta(ge=32)]

MEGABYTE = 1_000_000
SECONDS_A_DAY = 24 * 3600
"""Bytes and seconds of these units."""


def model_folder(model: str | Path) -> Path:
    """Return the folder of a bundle, given its path or the name of one that ships; a folder here is `./name`, too."""
    named = Path(model).name == str(model) and (MODELS / model / "manifest.json").is_file()
    return MODELS / model if named else Path(model)


def model_name(folder: Path) -> str:
    """Return the name of a bundle that ships, and the path of any other."""
    return folder.name if folder.parent == MODELS else str(folder)


def parse_model(word: str) -> Path:
    """Return the folder of a bundle that a word names.

    Raises:
        ValueError: the word is empty.
    """
    return model_folder(parse_name(word))


Model = Annotated[
    Path,
    Option("default, nano, fer2013, or a bundle's folder", "--model", "NAME", read=parse_model, write=model_name),
]


@dataclass(frozen=True)
class Smoothing:
    """Settings of the smoother, which keeps labels steady."""

    time_constant: Annotated[
        Seconds,
        Option(
            "time constant of the exponential average of a face's probabilities; 0: no average",
            "--smoothing-ms",
            "MS",
            unit="s",
        ),
    ] = 0.3
    margin: Annotated[Share, Option("lead in probability with which another class replaces the label at once")] = 0.1
    unsure_below: Annotated[Share, Option("lowest probability of a new label")] = 0.35
    slack: Annotated[Share, Option("a label is kept until its probability is this much below unsure_below")] = 0.05
    dwell: Annotated[
        Seconds,
        Option(
            "longest time for which a label is kept with a lower probability than that, or behind another class by "
            "less than margin",
            unit="s",
        ),
    ] = 0.3


@dataclass(frozen=True)
class EventLimits:
    """Conditions under which a change of emotion is an event."""

    title: ClassVar = "events, of --events, --mqtt and --metrics"

    min_seconds: Annotated[
        Seconds,
        Option("shortest time for which an emotion must last to be an event", "--event-min-ms", "MS", unit="s"),
    ] = 0.5
    min_confidence: Annotated[
        Share, Option("lowest confidence of the emotion during that time", "--event-min-confidence", "P")
    ] = 0.5


@dataclass(frozen=True)
class Quality:
    """Lowest quality of a labelled face; 0 turns a limit off."""

    min_face_size: Annotated[AtLeastZero, Option("smallest labelled face: shorter side of its box", unit="pixels")] = (
        24.0
    )
    min_sharpness: Annotated[AtLeastZero, Option("lowest sharpness of a labelled face")] = 0.02
    max_turn: Annotated[AtLeastZero, Option("largest turn of a labelled face to either side", unit="degrees")] = 50.0


@dataclass(frozen=True)
class Cameras:
    """Settings requested from cameras and streams; they may choose others."""

    title: ClassVar = "cameras and streams"

    size: Annotated[
        Size | None,
        Option(
            "size requested from a camera, or the size of raw frames",
            "--size",
            "WxH",
            unit="pixels",
            read=Size.parse,
        ),
    ] = None
    fps: Annotated[
        Rate | None, Option("frames a second requested from a camera, or the rate of raw frames", "--fps", "N")
    ] = None
    preview_side: Annotated[
        SearchSide,
        Option("longer side of a Raspberry Pi camera's second, small picture, for face detection", unit="pixels"),
    ] = 320
    controls: Annotated[
        Mapping[str, bool | int | float | list[int | float]],
        Option(
            "libcamera control of a Raspberry Pi camera, such as ExposureTime=10000; may be repeated",
            "--control",
            "NAME=VALUE",
            read=Control.parse,
            write=lambda item: str(Control(*item)),
        ),
    ] = field(default_factory=dict)
    rtsp_transport: Annotated[
        str,
        Option(
            "transport of RTSP streams: udp has less delay, but lost packets damage pictures",
            "--rtsp-transport",
            choices=("tcp", "udp"),
        ),
    ] = "tcp"
    pixel_format: Annotated[
        str, Option("pixel format of raw frames: bgr24, rgb24, gray, yuv420p, nv12", "--pixel-format", "FORMAT")
    ] = "bgr24"
    live: Annotated[
        bool,
        Option("treat standard input as live: drop late frames instead of slowing the sender", "--live"),
    ] = False
    decoder: Annotated[
        str | None,
        Option(
            "hardware decoder of videos and streams; without such hardware, software decodes",
            "--decoder",
            choices=("v4l2m2m",),
        ),
    ] = None


@dataclass(frozen=True)
class Folders:
    """Settings of folders of images."""

    title: ClassVar = "folders of images"

    recursive: Annotated[bool, Option("also read the images in subfolders", "--recursive")] = False
    strict: Annotated[bool, Option("stop at the first unreadable image", "--strict")] = False


@dataclass(frozen=True)
class Playback:
    """Settings of recordings."""

    title: ClassVar = "videos, images and folders"

    realtime: Annotated[
        bool | None,
        Option(
            "play at the recorded speed and drop late frames, as a camera does; the default with --loop, and with "
            "--web if nothing is written",
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
    variant: Annotated[
        str,
        Option(
            "variant of the bundle's model; auto measures once which of them is the fastest on this machine",
            "--variant",
            choices=(*VARIANTS, AUTO),
        ),
    ] = "int8"
    threads: Annotated[AtLeastOne, Option("threads of one inference", "--threads", "N")] = 1
    detector: Annotated[str, Option("face detector; haar needs OpenCV 4", "--detector", choices=DETECTORS)] = "yunet"
    detector_size: Annotated[
        SearchSide | None,
        Option(
            "longer side of the picture for face detection: more finds smaller faces and takes longer",
            "--detector-size",
            "PIXELS",
            unit="pixels",
            default="320, plus a finer search of large pictures",
        ),
    ] = None
    detector_threshold: Annotated[Share, Option("lowest score of a face")] = 0.6
    detect_interval: Annotated[
        Seconds,
        Option(
            "time between two detections in the whole picture; known faces are tracked in between; 0: every frame",
            "--detect-interval-ms",
            "MS",
            unit="s",
        ),
    ] = 0.2
    max_classifications: Annotated[
        AtLeastOne,
        Option(
            "most faces classified in one frame; more faces take turns",
            "--max-classifications",
            "N",
        ),
    ] = 2
    max_faces: Annotated[
        AtLeastOne,
        Option("most faces tracked, highest score first; the others are only counted", "--max-faces", "N"),
    ] = 16
    smoothing: Smoothing = field(default_factory=Smoothing)
    personal_baseline: Annotated[
        bool,
        Option(
            "compare each face with its own expression at rest, learnt in 3 seconds and kept only in memory",
            "--personal-baseline",
        ),
    ] = False
    quality: Quality = field(default_factory=Quality)


@dataclass(frozen=True)
class Outputs:
    """Destinations of a run's results."""

    title: ClassVar = "outputs"

    video: Annotated[Path | None, Option("write the annotated video: .mp4, .mkv or .webm", "--video", "FILE")] = None
    images: Annotated[Path | None, Option("write annotated copies of the images", "--images", "DIR")] = None
    jsonl: Annotated[Path | None, Option("write the records, one a line; - for standard output", "--jsonl", "FILE")] = (
        None
    )
    events: Annotated[
        Path | None, Option("write the events, one a line: a face came, left or changed", "--events", "FILE")
    ] = None
    rotate_size: Annotated[
        Megabytes | None,
        Option(
            "size at which a camera's file of records or events is renamed and a new file begins",
            "--rotate-size",
            "MB",
            unit="MB",
        ),
    ] = None
    keep_days: Annotated[
        Days | None,
        Option(
            "also begin new files of a camera's records and events each day, and remove old ones at this age",
            "--keep-days",
            "DAYS",
            unit="days",
        ),
    ] = None
    summary: Annotated[Path | None, Option("write the summary as JSON", "--summary", "FILE")] = None
    mqtt: Annotated[
        str | None,
        Option(
            "publish to a broker, and through it to Home Assistant: mqtt://host[:port][/prefix], or mqtts:// for TLS",
            "--mqtt",
            "ADDRESS",
            credentials=(MQTT_USER, MQTT_PASSWORD),
        ),
    ] = None
    metrics: Annotated[
        Address | None,
        Option(
            "serve metrics for Prometheus; without an address at 127.0.0.1:9108",
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
        Option("write a history to this database: faces by the second, and events, but no pictures", "--store", "FILE"),
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
            "serve the live page; without an address at 127.0.0.1:8080, for this machine only",
            "--web",
            "HOST:PORT",
            bare=Address("127.0.0.1", 8080),
            read=Address.parse,
        ),
    ] = None
    certificate: Annotated[Path | None, Option("TLS certificate of the live page, PEM", "--web-cert", "FILE")] = None
    key: Annotated[Path | None, Option("private key of the certificate, PEM", "--web-key", "FILE")] = None
    proxied_as: Annotated[
        tuple[str, ...],
        Option(
            "host name under which a proxy serves the page; requires a token; may be repeated",
            "--web-host",
            "NAME",
            read=parse_host,
        ),
    ] = ()


OMIT_SHARED = {OMITTED: ("model", "variant", "threads", "detector", "detector_threshold")}
"""Metadata of recognition options of one of several cameras, which share the rest."""


@dataclass(frozen=True)
class Camera:
    """Settings of one of several cameras; its tables take their defaults from those of the run."""

    name: Annotated[
        str,
        Option(
            "name of the camera: letters, digits, - and _; in records, topics and addresses",
            metavar="NAME",
            read=parse_camera,
        ),
    ]
    source: Annotated[
        str,
        Option(
            "source of the camera, as for a run of one",
            metavar="SOURCE",
            credentials=(f"{CAMERA_USER}_NAME", f"{CAMERA_PASSWORD}_NAME"),
            read=parse_name,
        ),
    ]
    wait_for_camera: Annotated[bool, Option("wait until the camera is there")] = False
    off: Annotated[
        tuple[Hours, ...],
        Option(
            "hours in which the camera is off, local time, such as mon-fri 08:00-17:00",
            metavar="HOURS",
            read=Hours.parse,
        ),
    ] = ()
    video: Annotated[Path | None, Option("write its annotated video: .mp4, .mkv or .webm", metavar="FILE")] = None
    capture: Capture = field(default_factory=Capture)
    recognition: Options = field(default_factory=Options, metadata=OMIT_SHARED)
    events: EventLimits = field(default_factory=EventLimits)


CONDITIONS = (
    "face_appeared",
    "face_left",
    "expression",
    "faces_reached",
    "faces_below",
    "camera_lost",
    "camera_back",
)
"""Conditions of rules."""


@dataclass(frozen=True)
class Publication:
    """Message to the broker."""

    topic: Annotated[
        str | None, Option("publish to this topic, below the prefix of the broker's address", metavar="TOPIC")
    ] = None


@dataclass(frozen=True)
class Webhook:
    """HTTP request with the facts as JSON."""

    address: Annotated[str | None, Option("POST to this address", metavar="https://…", read=parse_webhook)] = None
    variable: Annotated[
        str | None, Option("environment variable with the address, where that is a secret", metavar="NAME")
    ] = None
    secret: Annotated[str | None, Option("environment variable whose value is sent in the header", metavar="NAME")] = (
        None
    )
    header: Annotated[str, Option("name of the header of the secret", read=parse_header)] = "Authorization"
    timeout: Annotated[Seconds, Option("time-out of one attempt", unit="s")] = 5.0


@dataclass(frozen=True)
class Program:
    """Program that is run."""

    command: Annotated[tuple[str, ...], Option("program and its arguments, without a shell", metavar="WORD")] = ()
    timeout: Annotated[Seconds, Option("time-out, after which it is killed with its children", unit="s")] = 30.0


@dataclass(frozen=True)
class Snapshot:
    """Picture that is kept."""

    folder: Annotated[Path | None, Option("write a JPEG into this folder", metavar="DIR")] = None
    of: Annotated[str, Option("the whole frame, or the face", choices=("frame", "face"))] = "frame"
    blur: Annotated[bool, Option("make the faces that were found unrecognizable")] = False
    publish: Annotated[bool, Option("also publish it to the broker, for Home Assistant's image of the camera")] = False
    keep_days: Annotated[Days, Option("age at which pictures are removed", unit="days")] = 7.0
    max_size: Annotated[Megabytes, Option("size of all pictures at which the oldest are removed", unit="MB")] = 100.0


@dataclass(frozen=True)
class Pin:
    """Output pin of a board."""

    pin: Annotated[Pins | None, Option("number of a GPIO pin that is switched on (BCM)", metavar="N")] = None
    seconds: Annotated[Seconds, Option("time for which it is on", unit="s")] = 1.0


@dataclass(frozen=True)
class Rule:
    """Condition, and the actions that follow when it is met."""

    name: Annotated[str, Option("name of the rule, in messages and pictures", metavar="NAME", read=parse_name)]
    when: Annotated[str, Option("condition", choices=CONDITIONS)]
    camera: Annotated[str | None, Option("camera that it is about; all without it", metavar="NAME")] = None
    expression: Annotated[str | None, Option("name of a class, for when = expression", metavar="NAME")] = None
    faces: Annotated[AtLeastOne | None, Option("number of faces, for faces_reached and faces_below", metavar="N")] = (
        None
    )
    min_seconds: Annotated[
        Seconds,
        Option(
            "time for which it must last, except of face_appeared; of face_left, how long the face was there", unit="s"
        ),
    ] = 1.0
    min_confidence: Annotated[Share, Option("lowest confidence of the expression meanwhile")] = 0.5
    hours: Annotated[
        tuple[Hours, ...],
        Option("hours in which it holds, local time, such as mon-fri 08:00-17:00", metavar="HOURS", read=Hours.parse),
    ] = ()
    min_interval: Annotated[Seconds, Option("least time between two times that it acts", unit="s")] = 10.0
    mqtt: Publication = field(default_factory=Publication)
    webhook: Webhook = field(default_factory=Webhook)
    program: Program = field(default_factory=Program)
    snapshot: Snapshot = field(default_factory=Snapshot)
    gpio: Pin = field(default_factory=Pin)


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
    list_sources: Annotated[bool, Option("list the cameras and exit", "--list-sources")] = False
    wait_for_camera: Annotated[bool, Option("wait until the camera is there", "--wait-for-camera")] = False
    capture: Capture = field(default_factory=Capture)
    outputs: Outputs = field(default_factory=Outputs)
    store: Store = field(default_factory=Store)
    events: EventLimits = field(default_factory=EventLimits)
    page: Page = field(default_factory=Page)
    recognition: Options = field(default_factory=Options)
    camera: Annotated[
        tuple[Camera, ...], Option("one of several cameras, instead of source; what is not in its table is as above")
    ] = ()
    rule: Annotated[tuple[Rule, ...], Option("a condition, and actions that follow when it is met")] = ()

    @property
    def folders(self) -> list[Path]:
        """Folders of snapshots."""
        return [rule.snapshot.folder for rule in self.rule if rule.snapshot.folder]

    @property
    def paths(self) -> list[Path]:
        """Files and folders that are written to."""
        videos = [camera.video for camera in self.camera if camera.video]
        return [*self.outputs.paths, *videos, *([self.store.path] if self.store.path else [])]

    @property
    def sources(self) -> list[str]:
        """Sources of all cameras."""
        return [camera.source for camera in self.camera] or [self.source]


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

ADJUSTABLE_IN_CAMERAS = (*ADJUSTABLE, "off")
"""Beginnings of the names of such settings of one of several cameras."""

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
    output: Annotated[Path | None, Option("folder for annotated copies of the images", "--output", "DIR")] = None
    recognition: Options = field(default=IMAGE_OPTIONS, metadata=OMIT_VIDEO_OPTIONS)


@dataclass(frozen=True)
class Excerpt:
    """Analyzed frames of a video."""

    title: ClassVar = "frames"

    start: Annotated[
        Seconds | None,
        Option("start time: seconds, or 1:02:30", "--from", "TIME", unit="s", read=parse_clock),
    ] = None
    end: Annotated[
        Seconds | None,
        Option("end time (exclusive): seconds, or 1:02:30", "--to", "TIME", unit="s", read=parse_clock),
    ] = None
    every: Annotated[AtLeastOne, Option("analyze every Nth frame", "--every", "N")] = 1
    split_minutes: Annotated[
        Minutes | None,
        Option(
            "split longer videos into stretches of about this length, which are analyzed at the same time",
            "--split-minutes",
            "N",
            unit="minutes",
        ),
    ] = None


@dataclass(frozen=True)
class Wanted:
    """Wanted parts of a report."""

    annotated: Annotated[bool, Option("also write an annotated video", "--annotate")] = False
    thumbnails: Annotated[bool, Option("show small pictures of faces in the report", "--no-thumbnails")] = True
    blur: Annotated[bool, Option("make faces unrecognizable in all written pictures", "--blur")] = False
    with_video: Annotated[
        bool, Option("show the video in the report, by a link to its file, and seek to a clicked time", "--with-video")
    ] = False
    elan: Annotated[bool, Option("also write all episodes as annotations for ELAN", "--eaf")] = False
    subtitles: Annotated[bool, Option("also write all episodes as subtitles", "--srt")] = False
    excerpt: Excerpt = field(default_factory=Excerpt)


@dataclass(frozen=True)
class Analyze:
    """Settings of `analyze`."""

    videos: Annotated[tuple[Path, ...], Option("a video, or a folder of videos", "videos", "VIDEO")]
    output: Annotated[Path, Option("folder of the reports", "--output", "DIR")]
    recursive: Annotated[bool, Option("also analyze the videos in subfolders", "--recursive")] = False
    jobs: Annotated[
        AtLeastOne | None, Option("videos analyzed at the same time", "--jobs", "N", default="one a core")
    ] = None
    shard: Annotated[
        Shard | None,
        Option(
            "process one shard of the videos, such as 3/40; array: the shard of the Slurm array task or "
            "indexed Kubernetes Job",
            "--shard",
            "I/N",
            read=Shard.parse,
        ),
    ] = None
    cluster: Annotated[
        str | None,
        Option(
            "do the work on a Dask cluster: tcp://scheduler:8786, or local:4 for four workers that are started here",
            "--cluster",
            "ADDRESS",
            read=parse_cluster,
        ),
    ] = None
    wanted: Wanted = field(default_factory=Wanted)
    recognition: Options = field(default_factory=Options, metadata=OMIT_CLASSIFICATION_LIMIT)


@dataclass(frozen=True)
class Demo:
    """Settings of `demo`."""

    directory: Annotated[Path, Option("folder of the results", "--directory", "DIR")] = Path("demo")
    events: EventLimits = field(default_factory=EventLimits)
    page: Page = field(default_factory=Page)
    recognition: Options = field(default_factory=Options)


@dataclass(frozen=True)
class HistorySpan:
    """Shown part of a history."""

    begin: Annotated[
        float | None,
        Option(
            "start time: 2026-11-27, 2026-11-27T10:30 (local time), or relative, such as -2h (also s, m, d, w)",
            "--from",
            "TIME",
            default="a day before the end",
            read=parse_time,
        ),
    ] = None
    end: Annotated[
        float | None, Option("end time, in the same form", "--to", "TIME", default="now", read=parse_time)
    ] = None
    camera: Annotated[str | None, Option("show only this camera", "--camera", "NAME")] = None


@dataclass(frozen=True)
class HistoryTable:
    """Tables written from a history."""

    csv: Annotated[Path | None, Option("write a table with a row for each face and second", "--csv", "FILE")] = None
    parquet: Annotated[Path | None, Option("write the table as Parquet", "--parquet", "FILE")] = None
    events: Annotated[bool, Option("write the events instead", "--events")] = False


@dataclass(frozen=True)
class History:
    """Settings of `history`."""

    file: Annotated[Path | None, Option("database written by --store", "file", "FILE")] = None
    config: Annotated[
        Path | None, Option("configuration file of the run, which names the database", "--config", "FILE")
    ] = None
    span: HistorySpan = field(default_factory=HistorySpan)
    table: HistoryTable = field(default_factory=HistoryTable)
    store: Store = field(default_factory=Store, metadata={OMITTED: ("path", "keep_days", "max_size")})


@dataclass(frozen=True)
class Config:
    """Settings of `config`."""

    action: Annotated[
        str,
        Option(
            "check: list the mistakes in FILE; show: print all options as a file, with the values of FILE; schema: "
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


GROUPS = ("stable", "canary")
"""Groups of boards that releases are published for: most of them, and those that try a release first."""

Repository = Annotated[Path, Option("folder of the repository, which a web server serves", "--repository", "DIR")]
KeyFolder = Annotated[Path, Option("folder of the keys; all of its .pem files sign", "--keys", "DIR")]
MoreKeys = Annotated[
    tuple[str, ...],
    Option("another key that signs: its file, or hsm:ID?label=TOKEN; may be repeated", "--key", "KEY"),
]
Group = Annotated[str, Option("group of boards", "--group", choices=GROUPS)]
Trust = Annotated[
    Path | None,
    Option("the publisher's root.json, with the trusted keys; remembered after the first use", "--trust", "FILE"),
]


@dataclass(frozen=True)
class Publish:
    """Settings of `publish`."""

    repository: Repository
    bundle: Annotated[
        Path | None,
        Option("a bundle to publish; without one, the repository is signed anew", "bundle", "BUNDLE", read=parse_model),
    ] = None
    group: Group = GROUPS[0]
    keys: KeyFolder = Path("keys")
    key: MoreKeys = ()
    valid_days: Annotated[
        AtLeastOne,
        Option("days after which boards refuse the repository unless it is signed anew", "--valid-days", "N"),
    ] = 30


@dataclass(frozen=True)
class RotateKeys:
    """Settings of `rotate-keys`."""

    role: Annotated[
        str, Option("role whose keys are replaced", "role", choices=("root", "targets", "snapshot", "timestamp"))
    ]
    repository: Repository
    new_keys: Annotated[
        tuple[str, ...],
        Option(
            "key of the role from now on: a file, made where it is missing, or hsm:ID?label=TOKEN; may be repeated",
            "--new-key",
            "KEY",
            default="a new file in the folder of keys",
        ),
    ] = ()
    threshold: Annotated[AtLeastOne, Option("number of these keys that must sign", "--threshold", "N")] = 1
    keys: KeyFolder = Path("keys")
    key: MoreKeys = ()


@dataclass(frozen=True)
class Update:
    """Settings of `update`."""

    repository: Annotated[str | None, Option("address of the repository, http or https", "--repository", "URL")] = None
    group: Group = GROUPS[0]
    trust: Trust = None
    directory: Annotated[
        Path | None,
        Option("folder of the fetched bundles", "--directory", "DIR", default="models in this user's state folder"),
    ] = None
    model: Annotated[
        Path,
        Option("bundle used until a release is fetched", "--model", "NAME", read=parse_model, write=model_name),
    ] = DEFAULT_BUNDLE
    rollback: Annotated[
        bool, Option("return to the previous bundle until another release is offered", "--rollback")
    ] = False


@dataclass(frozen=True)
class Updates:
    """Settings of a service's updates."""

    title: ClassVar = "updates of the model"

    address: Annotated[
        str | None,
        Option("fetch new releases of the model from this repository, with a timer", "--update-from", "URL"),
    ] = None
    group: Group = GROUPS[0]
    trust: Trust = None


@dataclass(frozen=True)
class InstallService:
    """Settings of `install-service`."""

    user: Annotated[str | None, Option("user of the service", "--user", "NAME", default="a user of its own")] = None
    yes: Annotated[bool, Option("do not ask", "--yes")] = False
    updates: Updates = field(default_factory=Updates)
    run: Run = field(default_factory=Run, metadata={OMITTED: ("list_sources",)})


@dataclass(frozen=True)
class UninstallService:
    """Settings of `uninstall-service`."""

    yes: Annotated[bool, Option("do not ask", "--yes")] = False
