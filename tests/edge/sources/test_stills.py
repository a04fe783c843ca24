"""Still pictures of every kind are decoded, upright and opaque, and within a stated number of pixels."""

import struct
import subprocess
import sys
import textwrap
import zlib

import cv2
import numpy as np
import pytest

from edge.sources.image_formats import BrokenPicture, TooManyPixels, TooManyScans
from edge.sources.jpegs import MAX_SCANS
from edge.sources.stills import decode_still

from ..heif_files import box, heif

BLUE, GREEN, RED, GREY = (200, 40, 40), (40, 200, 40), (40, 40, 200), (128, 128, 128)
COLOURS = (BLUE, GREEN, RED, GREY)

CMYK = (
    "ffd8ffee000e41646f626500640000000000ffdb0043000503040404030504040405050506070c08070707070f0b0b090c110f1212110f"
    "111113161c1713141a1511111821181a1d1d1f1f1f13172224221e241c1e1f1effc000140800080008044311004d11005911004b1100ff"
    "c4001500010100000000000000000000000000000807ffc40014100100000000000000000000000000000000ffda000e0443004d005900"
    "4b00003f00b98e439196ffd9"
)
"""A JPEG of 8 by 8 pixels in four inks, inverted as Adobe writes them; red."""


def flat(colour, width=64, height=64):
    return np.full((height, width, 3), colour, np.uint8)


def quarters(width=64, height=32, dtype=np.uint8):
    """Four colours in the four corners: no turning or mirroring leaves them where they are."""
    rows = [np.hstack([flat(c, width // 2, height // 2) for c in pair]) for pair in (COLOURS[:2], COLOURS[2:])]
    image = np.vstack(rows).astype(dtype)
    return image * 257 if dtype == np.uint16 else image


def corners(image):
    """Return the nearest of `COLOURS` in each corner, row by row."""
    height, width = image.shape[:2]
    points = [(y, x) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    distances = [[np.abs(image[p].astype(int) - c).sum() for c in COLOURS] for p in points]
    assert np.min(distances, axis=1).max() < 60, "another colour than any of the four"
    return [int(np.argmin(row)) for row in distances]


def encoded(suffix, image, *flags):
    try:
        done, content = cv2.imencode(suffix, image, flags)
    except cv2.error:
        done = False
    if not done:
        pytest.skip(f"this OpenCV writes no {suffix}")
    return content.tobytes()


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(header, *chunks):
    """Header: width, height, depth and kind of colour."""
    ihdr = struct.pack(">IIBBBBB", *header, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", ihdr) + b"".join(chunks) + chunk(b"IEND", b"")


def exif(orientation, order=">"):
    mark = b"MM" if order == ">" else b"II"
    return struct.pack(f"{order}2sHIHHHIHHI", mark, 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def with_exif(suffix, orientation, order=">"):
    """The four quarters with an orientation, in the way of each kind."""
    tag = exif(orientation, order)
    content = encoded(suffix, quarters(), *((cv2.IMWRITE_WEBP_QUALITY, 100) if suffix == ".webp" else ()))
    if suffix == ".jpg":
        app1 = b"Exif\0\0" + tag
        return content[:2] + b"\xff\xe1" + struct.pack(">H", len(app1) + 2) + app1 + content[2:]
    if suffix == ".png":
        return content[:33] + chunk(b"eXIf", tag) + content[33:]
    if suffix == ".tiff":  # an entry of its own directory
        order = "<" if content[:2] == b"II" else ">"
        (first,) = struct.unpack_from(f"{order}I", content, 4)
        (count,) = struct.unpack_from(f"{order}H", content, first)
        entries = [content[first + 2 + 12 * i : first + 14 + 12 * i] for i in range(count)]
        entries = [e for e in entries if struct.unpack_from(f"{order}H", e)[0] != 0x0112]
        entries.append(struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0))
        entries.sort(key=lambda entry: struct.unpack_from(f"{order}H", entry)[0])
        directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)
        return content[:4] + struct.pack(f"{order}I", len(content)) + content[8:] + directory
    # WebP: the extended form, with a flag that there is EXIF data.
    body = content[12:]
    size = struct.pack("<I", quarters().shape[1] - 1)[:3] + struct.pack("<I", quarters().shape[0] - 1)[:3]
    body = b"VP8X" + struct.pack("<I", 10) + b"\x08\0\0\0" + size + body
    body += b"EXIF" + struct.pack("<I", len(tag)) + tag + bytes(len(tag) % 2)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


TURNED = {
    1: [0, 1, 2, 3],
    2: [1, 0, 3, 2],
    3: [3, 2, 1, 0],
    4: [2, 3, 0, 1],
    5: [0, 2, 1, 3],
    6: [2, 0, 3, 1],
    7: [3, 1, 2, 0],
    8: [1, 3, 0, 2],
}
"""Colours of the corners, row by row, by EXIF orientation."""


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff"])
def test_exif_orientation_in_every_kind_of_file(suffix, orientation):
    image = decode_still(with_exif(suffix, orientation))
    assert image.shape == ((64, 32, 3) if orientation > 4 else (32, 64, 3))
    assert corners(image) == TURNED[orientation]


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_exif_of_the_other_byte_order(suffix):
    assert corners(decode_still(with_exif(suffix, 6, order="<"))) == TURNED[6]


@pytest.mark.parametrize("tag", [b"", b"MM\0*", b"MM\0*\xff\xff\xff\xff", exif(6)[:15], exif(9), b"II*\0" + bytes(40)])
def test_damaged_exif_leaves_a_picture_as_it_is(tag):
    content = encoded(".png", quarters())
    assert corners(decode_still(content[:33] + chunk(b"eXIf", tag) + content[33:])) == TURNED[1]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff", ".bmp", ".jp2", ".ppm", ".avif"])
def test_every_kind_that_opencv_writes(suffix):
    image = decode_still(encoded(suffix, quarters(256, 128)))
    assert (image.shape, image.dtype) == ((128, 256, 3), np.uint8)
    assert corners(image) == TURNED[1]


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".jp2"])
def test_sixteen_bits(suffix):
    assert corners(decode_still(encoded(suffix, quarters(256, 128, np.uint16)))) == TURNED[1]


def test_many_pictures_in_one_file_give_the_first():
    first, second = encoded(".jpg", flat(BLUE)), encoded(".jpg", flat(RED))
    assert np.abs(decode_still(first + second)[5, 5].astype(int) - BLUE).max() < 4, "MPO of 3D cameras"


def test_a_jpeg_of_four_inks(cmyk_jpeg):
    image = decode_still(cmyk_jpeg)
    assert np.abs(image[4, 4].astype(int) - (40, 40, 200)).max() < 12


@pytest.fixture
def cmyk_jpeg():
    return bytes.fromhex(CMYK)


def test_a_palette_with_one_transparent_colour():
    """Four pixels of 2 bits: the colours 0 to 3, of which 1 is transparent."""
    content = png(
        (4, 1, 2, 3),
        chunk(b"PLTE", bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])),
        chunk(b"tRNS", bytes([255, 0])),
        chunk(b"IDAT", zlib.compress(b"\0\x1b")),
    )
    assert decode_still(content)[0].tolist() == [[0, 0, 255], [255, 255, 255], [255, 0, 0], [9, 9, 9]]


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [(".png", np.uint8), (".png", np.uint16), (".webp", np.uint8), (".tiff", np.uint8), (".jp2", np.uint8)],
)
def test_what_is_transparent_lies_over_white(suffix, dtype):
    image = np.dstack([flat(BLUE, 192), np.repeat([0, 128, 255], 64)[None].repeat(64, 0)]).astype(np.uint8)
    content = encoded(suffix, image.astype(dtype) * (257 if dtype == np.uint16 else 1))
    seen = decode_still(content)[32, [32, 96, 160]].astype(int)
    assert np.abs(seen - [(255, 255, 255), (227, 147, 147), BLUE]).max() <= 3


def gif(width, height, frames=1, transparent=False):
    """A GIF of blocks that repeat colour 1 and 2 in turns; the second frame is all of colour 0."""
    content = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF1, 0, 0)
    content += bytes([0, 0, 0, 255, 0, 0, 0, 0, 255, 0, 255, 0])
    for number in range(frames):
        content += b"\x21\xf9\x04" + bytes([transparent, 10, 0, 1]) + b"\0"
        content += b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02"
        # Codes of 3 bits: clear, two pixels, and so on, each clear keeping them so short; then the end.
        codes = [code for _ in range(width * height // 2) for code in (4, *((1, 2) if number == 0 else (0, 0)))] + [5]
        packed = sum(code << 3 * i for i, code in enumerate(codes)).to_bytes(len(codes) * 3 // 8 + 1, "little")
        for at in range(0, len(packed), 255):
            content += bytes([len(packed[at : at + 255])]) + packed[at : at + 255]
        content += b"\0"
    return content + b";"


def test_a_gif_gives_its_first_picture():
    image = decode_still(gif(8, 4, frames=2))
    assert image.shape == (4, 8, 3)
    assert image[0, :2].tolist() == [[0, 0, 255], [255, 0, 0]]


def test_a_gif_with_a_transparent_colour():
    assert decode_still(gif(8, 4, transparent=True))[0, :2].tolist() == [[255, 255, 255], [255, 0, 0]]


class TestHeif:
    """A picture of two by two tiles of 64 pixels."""

    tiles = tuple(flat(colour) for colour in COLOURS)

    @pytest.mark.parametrize("codec", ["libx265", "libsvtav1"])
    def test_a_picture_in_one_piece(self, codec):
        image = decode_still(heif([quarters(128, 128)], (128, 128), codec=codec))
        assert image.shape == (128, 128, 3)
        assert corners(image) == TURNED[1]

    @pytest.mark.parametrize("codec", ["libx265", "libsvtav1"])
    def test_tiles_make_one_picture(self, codec):
        image = decode_still(heif(list(self.tiles), (128, 128), columns=2, codec=codec))
        assert image.shape == (128, 128, 3)
        assert corners(image) == TURNED[1]

    def test_tiles_that_go_beyond_the_picture_are_cut(self):
        image = decode_still(heif(list(self.tiles), (100, 90), columns=2))
        assert image.shape == (90, 100, 3)
        assert corners(image) == TURNED[1]

    @pytest.mark.parametrize(
        ("transformations", "orientation"),
        [
            pytest.param((box(b"irot", b"\1"),), 8, id="anticlockwise"),
            pytest.param((box(b"irot", b"\2"),), 3, id="upside down"),
            pytest.param((box(b"irot", b"\3"),), 6, id="clockwise: a phone held upright"),
            pytest.param((box(b"imir", b"\1"),), 2, id="left and right exchanged"),
            pytest.param((box(b"imir", b"\0"),), 4, id="top and bottom exchanged"),
            pytest.param((box(b"irot", b"\1"), box(b"imir", b"\0")), 5, id="turned, then mirrored"),
        ],
    )
    def test_turned_as_the_container_says(self, transformations, orientation):
        image = decode_still(heif(list(self.tiles), (128, 100), columns=2, transformations=transformations))
        assert image.shape == ((128, 100, 3) if orientation > 4 else (100, 128, 3))
        assert corners(image) == TURNED[orientation]

    def test_cropped_as_the_container_says(self):
        """64 by 40 pixels, whose middle is 32 to the right of the picture's and 30 above it."""
        crop = box(b"clap", struct.pack(">IIIIiIiI", 64, 1, 40, 1, 32, 1, -30, 1))
        image = decode_still(heif(list(self.tiles), (128, 128), columns=2, transformations=(crop,)))
        assert image.shape == (40, 64, 3)
        assert np.abs(image.reshape(-1, 3).mean(0) - GREEN).max() < 6

    def test_opacity(self):
        alpha = np.hstack([flat((0, 0, 0)), flat((255, 255, 255))])
        image = decode_still(heif([flat(BLUE, 128)], (128, 64), alpha=alpha))
        assert np.abs(image[32, [20, 100]].astype(int) - [(255, 255, 255), BLUE]).max() < 6

    @pytest.mark.parametrize("full_range", [False, True])
    def test_the_range_of_its_levels_is_the_containers(self, full_range):
        colours = box(b"colr", b"nclx", struct.pack(">HHHB", 1, 13, 6, full_range << 7))
        image = decode_still(heif([flat((240, 240, 240))], (64, 64), transformations=(colours,)))
        level = 16 + 240 * 219 / 255 if full_range else 240  # the encoder wrote 16 to 235
        assert np.abs(image.reshape(-1, 3).mean(0) - level).max() < 7

    def test_high_dynamic_range_becomes_ordinary(self):
        """A level of 58% on the PQ curve is white."""
        colours = box(b"colr", b"nclx", struct.pack(">HHHB", 9, 16, 9, 0))
        image = decode_still(heif([flat((148, 148, 148))], (64, 64), transformations=(colours,)))
        assert image.min() > 235

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(lambda: heif([flat(BLUE)], (64, 64), claimed=(20_000, 20_000)), id="by its container"),
            pytest.param(lambda: heif(list(TestHeif.tiles), (20_000, 20_000), columns=2), id="as a whole"),
        ],
    )
    def test_too_large_by_what_it_says(self, content):
        with pytest.raises(TooManyPixels):
            decode_still(content())

    def test_larger_than_it_says(self):
        content = heif([flat(BLUE, 512, 512)], (64, 64), claimed=(64, 64))
        with pytest.raises(BrokenPicture):
            decode_still(content, max_pixels=128 * 128)

    @pytest.mark.parametrize(("size", "count"), [((128, 300), 4), ((40, 128), 4), ((128, 128), 3)])
    def test_tiles_that_do_not_fit(self, size, count):
        with pytest.raises(BrokenPicture):
            decode_still(heif(list(self.tiles[:count]), size, columns=2 if count == 4 else 1))

    def test_another_coding_is_named(self):
        content = heif([flat(BLUE)], (64, 64)).replace(b"hvc1", b"unci")
        with pytest.raises(BrokenPicture, match="unci"):
            decode_still(content)

    def test_cut_off_anywhere(self):
        content = heif(list(self.tiles), (128, 128), columns=2)
        for end in range(40, len(content), 7):
            with pytest.raises(BrokenPicture):
                decode_still(content[:end])

    def test_damaged_anywhere(self):
        """Bytes that are changed at random spoil the picture or its colours, and nothing else."""
        content, random, spoilt = heif(list(self.tiles), (128, 128), columns=2), np.random.default_rng(0), 0
        for _ in range(200):
            damaged = np.frombuffer(content, np.uint8).copy()
            damaged[random.integers(16, len(content), 20)] = random.integers(0, 256, 20)
            try:
                assert decode_still(damaged.tobytes()).ndim == 3
            except (BrokenPicture, TooManyPixels):
                spoilt += 1
        assert spoilt > 20


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff", ".bmp", ".jp2", ".ppm", ".avif"])
def test_a_picture_that_is_cut_off(suffix):
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    content = encoded(suffix, noise)
    for share in (0.1, 0.5, 0.95):
        with pytest.raises(BrokenPicture):
            decode_still(content[: int(len(content) * share)])


def test_a_png_with_a_wrong_check_sum():
    content = bytearray(encoded(".png", quarters()))
    content[60] ^= 1
    with pytest.raises(BrokenPicture):
        decode_still(bytes(content))


@pytest.mark.parametrize("content", [b"", b"text", b"\xff\x0a" + bytes(60), b"GIF89a", b"RIFF\0\0\0\0WEBP"])
def test_what_is_no_picture_or_not_read(content):
    with pytest.raises(BrokenPicture):
        decode_still(content)


def jpeg_of(width, height):
    """A JPEG of 16 by 16 pixels that claims another size, with markers and fill bytes that parsers trip over."""
    content = encoded(".jpg", flat(GREY, 16, 16))
    frame = content.index(b"\xff\xc0")
    content = content[: frame + 5] + struct.pack(">HH", height, width) + content[frame + 9 :]
    decoy = b"\xff\xe0" + struct.pack(">H", 20) + b"\xff\xc0\0\x11\x08\0\x10\0\x10" + bytes(9)
    return content[:2] + decoy + b"\xff\x01" + b"\xff\xff\xff" + content[2:]


HUGE = {
    "PNG": lambda: png((40_000, 30_000, 1, 0), chunk(b"IDAT", zlib.compress(bytes(5001 * 30_000), 9))),
    "JPEG": lambda: jpeg_of(32_000, 32_000),
    "PGM": lambda: b"P5 40000 30000 255\n" + bytes(1000),
    "BMP": lambda: (
        encoded(".bmp", flat(GREY))[:18] + struct.pack("<ii", 40_000, 30_000) + encoded(".bmp", flat(GREY))[26:]
    ),
    "GIF": lambda: gif(8, 4)[:6] + struct.pack("<HH", 60_000, 60_000) + gif(8, 4)[10:],
    "JPEG 2000": lambda: encoded(".jp2", flat(GREY)).replace(
        struct.pack(">II", 64, 64), struct.pack(">II", 9**5, 9**5)
    ),
    "HEIC": lambda: heif([flat(GREY)], (64, 64), claimed=(40_000, 30_000)),
}


@pytest.mark.parametrize("between", [b"", b"\r\n"])
def test_a_jpeg_of_too_many_scans(between):
    """Each passes over the whole picture, so that a few kilobytes would take minutes."""
    content = encoded(".jpg", flat(GREY), cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    scan = between + content[content.rindex(b"\xff\xda") : -2]
    assert decode_still(content[:-2] + scan + b"\xff\xd9").shape == (64, 64, 3)
    with pytest.raises(TooManyScans, match=f"more than {MAX_SCANS} scans"):
        decode_still(content[:-2] + scan * MAX_SCANS + b"\xff\xd9")


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is measured as Linux counts it")
@pytest.mark.parametrize("kind", HUGE)
def test_a_huge_picture_is_refused_before_it_takes_memory(kind, tmp_path):
    """In a process of its own, whose peak is its own."""
    path = tmp_path / "picture"
    path.write_bytes(HUGE[kind]())
    program = """
        import resource, sys
        from pathlib import Path
        from edge.sources.image_formats import BrokenPicture, TooManyPixels
        from edge.sources.stills import decode_still
        import edge.base.ffmpeg
        content = Path(sys.argv[1]).read_bytes()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            decode_still(content)
        except (BrokenPicture, TooManyPixels) as error:
            print(type(error).__name__, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(path)]
    outcome, megabytes = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert outcome == "TooManyPixels"
    assert int(megabytes) < 60
