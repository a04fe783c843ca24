"""The results of a stretch are the same when they are read again."""

from types import SimpleNamespace

import pytest

from edge.base.classes import EMOTIONS

from ..stand_ins import face, result, unread

pytest.importorskip("pyarrow", reason="pip install 'emotion-edge[analyze]'")

from edge.report.parts import Part, PartWriter


def test_a_part_keeps_what_was_read_and_what_was_not(tmp_path):
    written = [result(0), result(1, face(), face(None, 0.3, number=2), unread("turned", number=3))]
    source = SimpleNamespace(begins=0.0, damage=None, spoilt=0)
    with PartWriter(tmp_path / "part.parquet", source) as output:
        for one in written:
            output.write(one)
    read = list(Part(tmp_path / "part.parquet", EMOTIONS).own())
    assert [one.record()["faces"] for one in read] == [one.record()["faces"] for one in written]
