import pytest

from benchmarks.base.record import SCHEMA_VERSION, file_name, keep, new_record, read_record
from edge.base.errors import UserError
from edge.model.bundle import model_file


def test_a_new_record_has_the_keys_that_its_schema_names(plan, bundle):
    record = new_record(plan)
    assert record["schema_version"] == SCHEMA_VERSION == 3
    assert set(record) == {
        *("schema_version", "created", "machine", "states", "settings", "bundle", "figures", "missing", "targets"),
    }
    assert set(record["machine"]) >= {"board", "cpu", "cores", "memory", "os", "governor", "python", "runtime"}
    assert record["bundle"]["variants"]["int8"]["bytes"] == (bundle / model_file("int8")).stat().st_size
    assert record["bundle"]["absent"] == ["float16", "dynamic"]


def test_what_was_kept_is_read_again(record, tmp_path):
    path = keep(record, tmp_path / "results")
    assert path.name == file_name(record) == "20250102T030405Z.json"
    assert read_record(path) == record


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(None, "cannot be read", id="absent"),
        pytest.param("no json", "not the record", id="no JSON"),
        pytest.param("[1]", "not the record", id="another JSON"),
        pytest.param('{"schema_version": 1}', "version 1", id="an older one"),
    ],
)
def test_what_is_no_record_is_refused(content, problem, tmp_path):
    path = tmp_path / "r.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=problem):
        read_record(path)
