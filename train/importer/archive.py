"""Zip archive as a source; neither names nor sizes in it are trusted.

No member is written under its own name. Limits apply to the bytes that are really unpacked.
"""

import bz2
import io
import lzma
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from edge.base.errors import UserError
from train.importer.source_files import MAX_FILE_BYTES, TOO_LARGE_FILE, Skipped

MAX_BYTES = 2 * 1024**3
"""Largest expanded size of a zip, bytes; FER-2013 takes 80 MB."""

MAX_MEMBERS = 500_000
"""Most members of a zip; their list takes 320 MB."""

_MAX_DIRECTORY_BYTES = 128 * 1024**2
_ENTRY = b"PK\x01\x02"
"""First bytes of each entry of the list of members, the central directory."""

_METHODS = {9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
"""Common compression methods that Python's zipfile does not support."""

_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, NotImplementedError, OSError, ValueError),
)
"""Errors of `zipfile` while it reads a damaged member."""


class Archive:
    """Members of a zip.

    Attributes:
        names: paths of the files, with forward slashes, sorted.
        skipped: members replaced by a later one of the same name.
    """

    def __init__(self, source: Path, archive: zipfile.ZipFile, max_bytes: int) -> None:
        self._source, self._archive = source, archive
        self._members: dict[str, zipfile.ZipInfo] = {}
        self.skipped: list[Skipped] = []
        for member in archive.infolist():
            self._add(member)
        if sum(member.file_size for member in self._members.values()) > max_bytes:
            raise UserError(f"{source} expands to more than {max_bytes:,} bytes", "raise --max-bytes if you trust it")
        self.names = sorted(self._members)

    def read(self, name: str) -> bytes | Skipped:
        """Return the content of a member, at most as long as it claims, or the reason to leave it out."""
        member = self._members[name]
        if member.file_size > MAX_FILE_BYTES or member.compress_size > MAX_FILE_BYTES:
            return Skipped(name, TOO_LARGE_FILE)
        try:
            return _expand(self._archive, member)
        except NotImplementedError:
            method = _METHODS.get(member.compress_type, f"method {member.compress_type}")
            return Skipped(name, f"compressed by {method}, which cannot be read: unpack the archive, give the folder")
        except _DAMAGED:
            return Skipped(name, "damaged in the archive")

    def _add(self, member: zipfile.ZipInfo) -> None:
        # The original name: zipfile cuts `filename` at a null byte. Old tools of Windows write backslashes.
        name = member.orig_filename.replace("\\", "/")
        _check_member(self._source, member, name)
        if name.endswith("/"):
            return
        name = PurePosixPath(name).as_posix()
        if name in self._members:
            self.skipped.append(Skipped(name, "twice in the archive, the last one counts"))
        self._members[name] = member


@contextmanager
def open_archive(source: Path, max_bytes: int) -> Iterator[Archive]:
    """Open a zip that may expand to `max_bytes`.

    Raises:
        UserError: it is not a zip, has too many members or several parts, is encrypted, or is not safe to unpack.
    """
    with _BoundedReader(io.FileIO(source)) as file:
        try:
            archive = zipfile.ZipFile(file)
        except UnicodeDecodeError as error:
            raise UserError(f"{source} has names that are not UTF-8", "unpack it and give the folder") from error
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            raise UserError(
                f"{source} is not a zip, or was cut short while downloading ({error})",
                "download it again, or unpack it and give the folder",
            ) from error
        with archive:
            yield Archive(source, archive, max_bytes)


class _BoundedReader(io.BufferedReader):
    """File of an archive that refuses a too long list of members."""

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(min(-1 if size is None else size, _MAX_DIRECTORY_BYTES + 1))
        if len(data) > _MAX_DIRECTORY_BYTES or data.count(_ENTRY) > MAX_MEMBERS:
            raise UserError(f"{self.name} has more than {MAX_MEMBERS:,} members", "give fewer of them")
        return data


def _check_member(source: Path, member: zipfile.ZipInfo, name: str) -> None:
    if name.startswith("/") or re.search(r"^[A-Za-z]:|\0", name) or ".." in name.split("/"):
        raise UserError(f"{source} has a member outside its folder, {member.orig_filename!r}", "do not trust it")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise UserError(f"{source} has a symbolic link in it, {name!r}", "pack the files themselves")
    if member.flag_bits & 1:
        raise UserError(f"{source} is encrypted", "unpack it and give the folder")
    if member.volume:
        raise UserError(f"{source} is one of several parts", "join them, or unpack them and give the folder")


def _expand(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return the content of a member, at most as long as it claims.

    zipfile itself enforces this for stored and deflated members only. It passes all input to bz2 and LZMA, and 800
    bytes of bz2 can expand to a gigabyte.
    """
    if member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with archive.open(member) as stream:
            return stream.read(member.file_size + 1)
    if member.compress_type not in _DECODERS:
        raise NotImplementedError
    data = _DECODERS[member.compress_type](_read_compressed(archive, member), member.file_size)
    if len(data) != member.file_size or zlib.crc32(data) != member.CRC:
        raise zipfile.BadZipFile
    return data


def _read_compressed(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """Return the compressed bytes of a member, by reading it as if it were stored."""
    stored = zipfile.ZipInfo(member.orig_filename)
    stored.orig_filename = member.orig_filename
    stored.flag_bits, stored.header_offset = member.flag_bits, member.header_offset
    stored.file_size = stored.compress_size = member.compress_size
    with archive.open(stored) as stream:
        return stream.read()


def _decode_bz2(data: bytes, size: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(data, size)


def _decode_lzma(data: bytes, size: int) -> bytes:
    """Decode zip's form of LZMA: two bytes of version, the length of the properties, the properties, the stream."""
    length, packed, dictionary = struct.unpack_from("<HBI", data, 2)
    filters = {
        "id": lzma.FILTER_LZMA1,
        # The whole dictionary is allocated, but no more than the content's size is ever used.
        "dict_size": min(max(dictionary, 4096), max(size, 4096)),
        "lc": packed % 9,
        "lp": packed // 9 % 5,
        "pb": packed // 45,
    }
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[filters]).decompress(data[4 + length :], size)


_DECODERS = {zipfile.ZIP_BZIP2: _decode_bz2, zipfile.ZIP_LZMA: _decode_lzma}
