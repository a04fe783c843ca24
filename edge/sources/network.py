"""Cameras and videos on other machines."""

import http.client
from functools import partial
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from edge.base.credentials import CAMERA_PASSWORD, CAMERA_USER, camera_credentials, refuse_credentials
from edge.base.errors import UserError
from edge.base.ffmpeg import limit_blocks
from edge.base.network import public
from edge.base.settings import Capture
from edge.sources.decoded import DecodedSource
from edge.sources.decoder import ANALYSIS, FILE_FORMATS, Decoder, NoVideo
from edge.sources.http_client import CameraClient, Unanswered, content_type, no_answer
from edge.sources.jpeg_cameras import JpegCamera, MjpegSource, SnapshotSource

OPEN_TIMEOUT, READ_TIMEOUT = 5.0, 4.0
"""Seconds without an answer or a picture after which a camera counts as lost: to connect, and between pictures."""

MAX_STREAM_PIXELS = 4096 * 3072
"""Largest frame of a stream that is decoded, pixels; decoders keep up to 17 frames."""

MAX_BLOCK = 64 << 20
"""Largest block of FFmpeg's memory, bytes; the largest frame takes 38 MB, a coded one far less."""

PROTOCOLS = {
    "rtsp": "rtp,srtp,tcp,tls,udp",
    "rtmp": "rtmp,rtmps,tcp,tls",
    "srt": "srt",
    "udp": "udp",
    "tcp": "tcp",
    "http": "http,https,httpproxy,tcp,tls,crypto",
}
"""Protocols that a stream of each scheme may open; files are never among them."""

STREAM_FORMATS = {"rtsp": ("rtsp",), "http": ("hls", "aac", "mp3", "webvtt", *FILE_FORMATS)}
"""Containers of streams other than those of files."""

PLAYLIST = b"#EXTM3U"
"""The first bytes of an HLS playlist."""

UNBOUNDED_FORMATS = ("mpjpeg", "mpjpeg_2000")
"""FFmpeg's readers without a limit on a picture's size; `jpeg_cameras` reads these streams instead."""


Login = tuple[str, str] | None
"""User and password, if there are any."""


def open_network(address: str, capture: Capture, camera: str = "") -> "StreamSource | JpegCamera":
    """Connect to a camera or a video on another machine, and take a first picture.

    Args:
        address: its address.
        capture: settings for streams.
        camera: name of the camera, for credentials of its own.

    Raises:
        UserError: the address has credentials, nothing answers, or the answer is not a video.
    """
    scheme, _, rest = address.partition("://")
    scheme = scheme.lower()  # FFmpeg knows schemes in lower case only
    refuse_credentials(f"{scheme}://{rest}", CAMERA_USER, CAMERA_PASSWORD)
    if scheme == "udp":
        rest = rest.removeprefix("@")  # as other programs write an address that is listened at
    address = f"{scheme}://{rest}"
    login = camera_credentials(camera)
    return (_over_http if scheme in ("http", "https") else StreamSource)(address, capture, login)


class StreamSource(DecodedSource):
    """A stream that FFmpeg reads: live, or a recording over HTTP."""

    def __init__(self, address: str, capture: Capture, login: Login, recorded: bool = False) -> None:
        """Open the stream.

        Args:
            address: address with its scheme in lower case.
            capture: settings for streams.
            login: for the other machine.
            recorded: whether it is a file with a known end.

        Raises:
            UserError: nothing answers, or the answer is not a video.
        """
        name = public(address)
        refusal = partial(_no_video, name, recorded)
        limit_blocks(MAX_BLOCK)
        try:
            decoder = Decoder(
                _with_credentials(address, login),
                _ffmpeg_options(address, capture, login),
                timeouts=(OPEN_TIMEOUT, READ_TIMEOUT),
                max_pixels=MAX_STREAM_PIXELS,
                hardware=capture.decoder,
            )
        except NoVideo as error:
            raise refusal(str(error)) from None  # its text has the address with the credentials
        recorded = recorded or bool(address.startswith("http") and decoder.duration)
        super().__init__(name, decoder, live=not recorded, refusal=refusal)


def _over_http(address: str, capture: Capture, login: Login) -> StreamSource | JpegCamera:
    """Read JPEGs by our own code, which limits their size, and everything else by FFmpeg."""
    name, client = public(address), CameraClient(address, login, OPEN_TIMEOUT)
    try:
        response = client.get()
        kind = _kind(response)
    except Unanswered as error:
        raise no_answer(name, error, _CAMERA_REMEDY) from None
    except (OSError, http.client.HTTPException) as error:
        raise no_answer(name, Unanswered(error), _CAMERA_REMEDY) from None
    if kind == "snapshot":
        return SnapshotSource(name, client, response, READ_TIMEOUT, capture.fps)
    if capture.fps:
        response.close()
        raise UserError(f"--fps: {name} sends a stream, whose rate the camera sets", "leave it out")
    if kind == "mjpeg":
        return MjpegSource(name, client, response, READ_TIMEOUT)
    response.close()
    return StreamSource(address, capture, login, recorded=kind == "file")


def _kind(response: Any) -> str:
    """Classify a response by its content type, or by its first bytes where the type is not specific.

    Returns:
        `mjpeg`, `snapshot`, `stream`, or `file` (with a known length).
    """
    announced = content_type(response.headers)
    if announced.startswith(("multipart/", "image/")):
        return "snapshot" if announced.startswith("image/") else "mjpeg"
    start = response.peek(len(PLAYLIST))
    if start.startswith(b"--"):
        return "mjpeg"
    if start.startswith(b"\xff\xd8\xff"):
        return "mjpeg" if response.length is None else "snapshot"
    return "stream" if response.length is None or start.startswith(PLAYLIST) else "file"


def _ffmpeg_options(address: str, capture: Capture, login: Login) -> dict[str, str]:
    scheme = address.partition(":")[0]
    kind = next(kind for kind in PROTOCOLS if scheme.startswith(kind))
    formats = [name for name in STREAM_FORMATS.get(kind, FILE_FORMATS) if name not in UNBOUNDED_FORMATS]
    options = ANALYSIS | {"protocol_whitelist": PROTOCOLS[kind], "format_whitelist": ",".join(formats)}
    if kind == "rtsp":
        options["rtsp_transport"] = capture.rtsp_transport
    if kind == "srt" and login:
        options["passphrase"] = login[1]
    return options


_CAMERA_REMEDY = f"check address, network and credentials ({CAMERA_USER}, {CAMERA_PASSWORD})"


def _no_video(name: str, recorded: bool, reason: str) -> UserError:
    if reason.startswith("Protocol not found"):
        remedy = "let a program that can do it write into a pipe: … | emotion-edge run - --live"
        return UserError(f"{name}: PyAV's FFmpeg was built without that protocol", remedy)
    remedy = (
        f"{_CAMERA_REMEDY}, or try another transport by --rtsp-transport" if name.startswith("rtsp") else _CAMERA_REMEDY
    )
    if recorded:
        remedy = "download it and name the file: not every web server sends parts of files"
    return UserError(f"{name}: no video from this address ({reason})", remedy)


def _with_credentials(address: str, login: Login) -> str:
    parts = urlsplit(address)
    if not login or parts.scheme in ("udp", "tcp", "srt"):
        return address
    secret = ":".join(quote(part, safe="") for part in login if part)
    return urlunsplit(parts._replace(netloc=f"{secret}@{parts.netloc}"))
