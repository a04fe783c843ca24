"""FER+ votes, and the soft labels that follow from them."""

from pathlib import Path

import pytest

from edge.base.errors import UserError
from tests.train.importer.sources import as_table, as_zip, face, found, read_rows, table_rows, tree
from train.importer.build import import_data
from train.importer.votes import VOTE_COLUMNS, soft_label


def vote(**counts: int) -> tuple[int, ...]:
    return tuple(counts.get(column, 0) for column in VOTE_COLUMNS)


@pytest.mark.parametrize(
    ("counts", "label"),
    [
        (vote(anger=10), [1, 0, 0, 0, 0, 0, 0]),
        (vote(anger=1, disgust=2, fear=2), [0, 0.5, 0.5, 0, 0, 0, 0]),
        (vote(happiness=3, neutral=3, sadness=2, surprise=2), [0, 0, 0, 0.3, 0.3, 0.2, 0.2]),
        (vote(sadness=4, contempt=4, unknown=2), [0, 0, 0, 0, 0, 1, 0]),
        (vote(contempt=9, anger=1), [0] * 7),
        (vote(NF=10), [0] * 7),
        (vote(), [0] * 7),
    ],
)
def test_soft_label(counts, label):
    assert soft_label(counts).tolist() == pytest.approx(label)


def sidecar(path: Path, rows: dict[str, tuple[int, ...]]) -> Path:
    header = ",".join(["file", *VOTE_COLUMNS])
    return as_table(path, [(file, *counts) for file, counts in rows.items()], header)


def test_sidecar_by_path_then_by_unique_base_name(tmp_path):
    files = tree("train", "val", "test")
    by_path, by_base, unsure, silent = list(files)[:4]
    files |= {"test/sad/twin.png": face(90), "train/sad/twin.png": face(91)}
    votes = {
        by_path: vote(anger=5, fear=5, NF=1),
        f"elsewhere/{Path(by_base).name}": vote(happiness=10),
        unsure: vote(unknown=10),
        "elsewhere/twin.png": vote(fear=10),
        "elsewhere/stranger.png": vote(fear=10),
    }
    out = tmp_path / "out"
    source = as_zip(tmp_path / "faces.zip", files)
    record = import_data(source, out, votes=sidecar(tmp_path / "votes.csv", votes))
    labels, raw = read_rows(out / "labels.csv"), read_rows(out / "votes.csv")
    assert labels == {
        "train/0/0.png": [0.5, 0, 0.5, 0, 0, 0, 0],
        "train/1/1.png": [0, 0, 0, 1, 0, 0, 0],
        "train/2/2.png": [0] * 7,
    }
    assert raw["train/0/0.png"] == [*vote(anger=5, fear=5, NF=1)] and raw.keys() == labels.keys()
    assert all((out / file).is_file() for file in labels)
    assert (out / "labels.csv").read_text().startswith("file,0,1,2,3,4,5,6\n")
    assert (out / "votes.csv").read_text().startswith(f"file,{','.join(VOTE_COLUMNS)}\n")
    assert record["votes"] == 3 and silent not in labels


def test_labels_name_files_where_the_split_put_them(tmp_path):
    files = tree("", each=10)
    votes = sidecar(tmp_path / "votes.csv", {name: vote(fear=10) for name in files})
    import_data(as_zip(tmp_path / "faces.zip", files), tmp_path / "out", votes=votes)
    assert read_rows(tmp_path / "out/labels.csv").keys() == found(tmp_path / "out").keys()


def microsoft(path: Path, rows: list[tuple], name: str = "fer{:07d}.png") -> Path:
    rows = [(usage, name.format(i) if counts[-1] == 0 else "", *counts) for i, (usage, counts) in enumerate(rows)]
    return as_table(path, rows, ",".join(["Usage", "Image name", *VOTE_COLUMNS]))


def test_microsoft_votes_belong_to_the_rows_of_the_table(tmp_path):
    rows = table_rows()
    rows.insert(2, (0, "broken", "Training"))
    counts = [vote(fear=2 + i) if i else vote(NF=10) for i in range(len(rows))]
    votes = microsoft(tmp_path / "new.csv", [(row[2], counts[i]) for i, row in enumerate(rows)])
    record = import_data(as_table(tmp_path / "fer2013.csv", rows), tmp_path / "out", votes=votes)
    raw = read_rows(tmp_path / "out/votes.csv")
    assert record["votes"] == len(rows) - 1 and raw.keys() == found(tmp_path / "out").keys()
    assert raw["test/5/PrivateTest_0000009.png"] == [*counts[9]]
    assert raw["train/0/Training_0000000.png"] == [*vote(NF=10)]
    assert sum(read_rows(tmp_path / "out/labels.csv")["train/0/Training_0000000.png"]) == 0


def test_sidecar_and_microsoft_votes_by_name(tmp_path):
    files = tree("train", "val", "test") | {"train/sad/fer0000001.png": face(99)}
    votes = microsoft(tmp_path / "new.csv", [("Training", vote(fear=9)), ("Training", vote(sadness=9))])
    import_data(as_zip(tmp_path / "faces.zip", files), tmp_path / "a", votes=votes)
    assert read_rows(tmp_path / "a/labels.csv") == {"train/5/fer0000001.png": [0, 0, 0, 0, 0, 1, 0]}
    side = sidecar(tmp_path / "side.csv", {"test/sad/PrivateTest_0000008.png": vote(sadness=9)})
    import_data(as_table(tmp_path / "fer2013.csv", table_rows()), tmp_path / "b", votes=side)
    assert read_rows(tmp_path / "b/votes.csv").keys() == {"test/5/PrivateTest_0000008.png"}


TABLE_VOTES = [(row[2], vote(fear=9)) for row in table_rows()]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda path: microsoft(path, TABLE_VOTES[:-1]), "8 rows of votes for 9"),
        (lambda path: microsoft(path, TABLE_VOTES[::-1]), "another Usage"),
        (lambda path: sidecar(path, {"x.png": vote(fear=9)}), "none of the votes"),
        (lambda path: sidecar(path, {}), "no votes"),
        (
            lambda path: as_table(path, [("x.png", *"1234567891")], "file,a,b,c,d,e,f,g,h,i,j"),
            "line 1: no column neutral",
        ),
        (lambda path: as_table(path, [vote(fear=9)], ",".join(VOTE_COLUMNS)), "line 2: no column file"),
        (
            lambda path: as_table(path, [("x.png", 1)], f"file,{','.join(VOTE_COLUMNS)}"),
            "line 2, column .* whole",
        ),
        (lambda path: sidecar(path, {"x.png": vote(fear=-1)}), "line 2, column .* whole"),
        (lambda path: sidecar(path, {"x.png": ("1.5",) * 10}), "line 2, column .* whole"),
        (
            lambda path: as_table(
                path, [("x.png", *vote(fear=1)), ("x.png", *vote(fear=2))], f"file,{','.join(VOTE_COLUMNS)}"
            ),
            "twice",
        ),
        (lambda path: path.write_bytes(face(1)) and path, "line 1: no column"),
        (lambda path: path, "cannot be read"),
    ],
)
def test_votes_that_do_not_fit_are_refused(tmp_path, make, problem):
    table = as_table(tmp_path / "fer2013.csv", table_rows())
    with pytest.raises(UserError, match=problem):
        import_data(table, tmp_path / "out" / "deep", votes=make(tmp_path / "votes.csv"))
    assert {path.name for path in tmp_path.iterdir()} <= {"fer2013.csv", "votes.csv"}


@pytest.mark.parametrize("change", [lambda text: text.replace(",", ";"), str.upper, lambda text: text])
def test_votes_may_have_been_through_a_spreadsheet(tmp_path, change):
    files = tree("train", "val", "test")
    path = sidecar(tmp_path / "votes.csv", {name.upper(): vote(fear=i + 2) for i, name in enumerate(files)})
    path.write_text(change(path.read_text()).replace("\n", "\r\n"), encoding="utf-16")
    source = as_zip(tmp_path / "a.zip", {name.upper(): data for name, data in files.items()})
    assert import_data(source, tmp_path / "out", votes=path)["votes"] == len(files)
