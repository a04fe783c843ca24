"""Items of a HEIF file: the container of HEIC and AVIF pictures (ISO/IEC 23008-12, on ISO/IEC 14496-12)."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from edge.sources.image_formats import BrokenPicture

MAX_ITEMS = 10_000
"""Most items of a file; a picture of 120 megapixels in tiles of 512×512 has 460."""


@dataclass
class Item:
    """A coded picture, a tile, or the layout of tiles in a picture.

    Attributes:
        kind: four letters: `hvc1`, `av01`, `grid`, …
        properties: names and contents, in the order in which transformations apply.
        references: ids of other items, by kind of reference: `dimg` for the tiles of a grid.
        extents: offsets and lengths of its bytes.
        inside: whether `extents` are in the meta box rather than in the file.
    """

    kind: bytes = b""
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    references: dict[bytes, list[int]] = field(default_factory=dict)
    extents: list[tuple[int, int]] = field(default_factory=list)
    inside: bool = False

    def property(self, name: bytes) -> bytes | None:
        """Return the content of the first property of that name."""
        return next((content for known, content in self.properties if known == name), None)


class HeifFile:
    """Items of a file in memory.

    Attributes:
        primary: id of the picture to show.
        items: items by id.
    """

    def __init__(self, content: bytes) -> None:
        """Read the tables; decode nothing.

        Raises:
            BrokenPicture: the tables are damaged.
        """
        self._content, self._inner = content, b""
        self.primary = 0
        self.items: dict[int, Item] = {}
        meta = next((body for name, body in boxes(content) if name == b"meta"), None)
        if meta is None:
            raise BrokenPicture("no meta box")
        readers = {
            b"pitm": self._read_primary,
            b"iinf": self._read_kinds,
            b"iloc": self._read_places,
            b"iref": self._read_references,
            b"iprp": self._read_properties,
            b"idat": self._read_inner,
        }
        for name, body in boxes(meta[4:]):
            if name in readers:
                readers[name](body)
        if self.primary not in self.items:
            raise BrokenPicture("no primary item")

    def item(self, number: int) -> Item:
        """Return the item of that id.

        Raises:
            BrokenPicture: there is none.
        """
        if number not in self.items:
            raise BrokenPicture(f"no item {number}")
        return self.items[number]

    def data(self, item: Item) -> bytes:
        """Return the item's bytes.

        Raises:
            BrokenPicture: some are missing.
        """
        source = self._inner if item.inside else self._content
        if any(start + length > len(source) for start, length in item.extents):
            raise BrokenPicture("ends too early")
        if sum(length for _, length in item.extents) > len(source):
            raise BrokenPicture("parts of an item overlap")
        return b"".join(source[start : start + (length or len(source))] for start, length in item.extents)

    def _entry(self, number: int) -> Item:
        if len(self.items) >= MAX_ITEMS and number not in self.items:
            raise BrokenPicture(f"more than {MAX_ITEMS} items")
        return self.items.setdefault(number, Item())

    def _read_primary(self, body: bytes) -> None:
        fields = Fields(body)
        self.primary = fields.number(2 if fields.version() == 0 else 4)

    def _read_inner(self, body: bytes) -> None:
        self._inner = body

    def _read_kinds(self, body: bytes) -> None:
        fields = Fields(body)
        fields.number(2 if fields.version() == 0 else 4)
        for name, entry in boxes(fields.rest()):
            if name == b"infe":
                item = Fields(entry)
                version = item.version()
                number = item.number(4 if version == 3 else 2)
                item.number(2)  # protection
                self._entry(number).kind = item.take(4)

    def _read_places(self, body: bytes) -> None:
        fields = Fields(body)
        version, sizes = fields.version(), fields.number(2)
        offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
        for _ in range(fields.number(4 if version == 2 else 2)):
            item = self._entry(fields.number(4 if version == 2 else 2))
            method = fields.number(2) & 15 if version else 0
            item.inside = method == 1
            external = fields.number(2) != 0 or method > 1
            base = fields.number(base_size)
            for _ in range(fields.number(2)):
                fields.number(index_size if version else 0)
                start = base + fields.number(offset_size)
                item.extents.append((start, fields.number(length_size)))
            if external:  # in another file, or in another item
                item.extents = []

    def _read_references(self, body: bytes) -> None:
        fields = Fields(body)
        size = 2 if fields.version() == 0 else 4
        for kind, entry in boxes(fields.rest()):
            reference = Fields(entry)
            item = self._entry(reference.number(size))
            item.references[kind] = [reference.number(size) for _ in range(reference.number(2))]

    def _read_properties(self, body: bytes) -> None:
        parts = list(boxes(body))
        known = [prop for name, container in parts if name == b"ipco" for prop in boxes(container)]
        for associations in (content for name, content in parts if name == b"ipma"):
            fields = Fields(associations)
            version, flags = fields.version_and_flags()
            for _ in range(fields.number(4)):
                item = self._entry(fields.number(4 if version else 2))
                for _ in range(fields.number(1)):
                    index = fields.number(2) & 0x7FFF if flags & 1 else fields.number(1) & 0x7F
                    if index > len(known):
                        raise BrokenPicture("no such property")
                    if index:
                        item.properties.append(known[index - 1])


def boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield names and bodies of the boxes in `content`.

    Raises:
        BrokenPicture: a box is longer than the rest of `content`.
    """
    at = 0
    while at + 8 <= len(content):
        size, name, head = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(content[at + 8 : at + 16], "big"), 16
        elif size == 0:
            size = len(content) - at
        if size < head or at + size > len(content):
            raise BrokenPicture("ends too early")
        yield name, content[at + head : at + size]
        at += size


class Fields:
    """Reader of big-endian numbers."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def take(self, count: int) -> bytes:
        """Return the next bytes.

        Raises:
            BrokenPicture: there are fewer.
        """
        taken = self._content[self._at : self._at + count]
        if len(taken) < count:
            raise BrokenPicture("ends too early")
        self._at += count
        return taken

    def number(self, size: int, *, signed: bool = False) -> int:
        """Return the next number of `size` bytes; 0 for size 0."""
        return int.from_bytes(self.take(size), "big", signed=signed)

    def version_and_flags(self) -> tuple[int, int]:
        """Read the header of a full box."""
        return self.number(1), self.number(3)

    def version(self) -> int:
        return self.version_and_flags()[0]

    def rest(self) -> bytes:
        return self._content[self._at :]
