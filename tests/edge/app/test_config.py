"""Configuration files: what they mean, what wins over them, and their mistakes."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from edge.app import cli, config
from edge.app.arguments import typed
from edge.app.config_text import as_toml, explained, schema
from edge.base.errors import UserError
from edge.base.network import CAMERA_ADDRESS
from edge.base.options import build, declared, from_mapping
from edge.base.settings import NOT_IN_FILES, EventLimits, InstallService, Options, Run
from edge.base.values import Address

from ..base.test_options import EVERYTHING, Door, House
from .test_secrets import MARK, WITH_CREDENTIALS, WITH_KEYS

EXAMPLE = Path(__file__).parents[3] / "deploy" / "home.toml"

DEFAULTS = tomllib.loads(as_toml(Run()))

IN_FILES = declared(Run, NOT_IN_FILES)


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    monkeypatch.delenv(CAMERA_ADDRESS, raising=False)


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a configuration file and returns its path."""

    def written(text: str) -> Path:
        path = tmp_path / "home.toml"
        path.write_text(text)
        return path

    return written


def parsed(*words):
    return typed(cli.COMMANDS[words[0]][0], cli.parse_arguments([str(word) for word in words]))


def told(path):
    """Return the mistakes of a file without its folder."""
    return [str(mistake).replace(f"{path.parent}/", "") for mistake in config.mistakes(path)]


def test_a_file_gives_options(write):
    path = write('source = "0"\n[events]\nmin_seconds = 2\n[recognition]\nthreads = 3\nsmoothing.margin = 0.2\n')
    run = parsed("run", "--config", path)
    assert run.source == "0"
    assert run.config == path
    assert run.events == EventLimits(2.0)
    assert (run.recognition.threads, run.recognition.smoothing.margin) == (3, 0.2)
    assert run.recognition.max_faces == Options.max_faces


def test_the_command_line_wins_over_the_file_and_the_file_over_the_environment(write, monkeypatch):
    path = write('source = "1"\n[recognition]\nthreads = 3\n[page]\nproxied_as = ["a.example"]\n')
    monkeypatch.setenv(CAMERA_ADDRESS, "rtsp://10.0.0.7/live")
    assert parsed("run").source == "rtsp://10.0.0.7/live"
    assert parsed("run", "--config", path).source == "1"
    run = parsed("run", "2", "--config", path, "--threads", "1", "--web-host", "b.example")
    assert (run.source, run.recognition.threads, run.page.proxied_as) == ("2", 1, ("b.example",))
    assert parsed("run", "--config", write("")).source == "rtsp://10.0.0.7/live"


def test_a_service_takes_the_file_of_its_run(write):
    service = parsed("install-service", "--config", write("[recognition]\nthreads = 3\n"), "--yes")
    assert isinstance(service, InstallService)
    assert service.run.recognition.threads == 3


MISTAKES = """\
source = "0"
threads = 3

[recognition]
# threads = 0
treads = 1
threads = 0
smoothing = { margin = 2 }

[[camera]]
source = "1"
threads = 2

[ page ]
token = "0123456789abcdef"
proxied_as = [
  "a.example",
  3,
]
[events]
min_seconds = "1"\
"""


@pytest.mark.parametrize("end_of_line", ["\n", "\r\n"])
def test_every_mistake_is_told_with_line_and_name(write, end_of_line):
    path = write("")
    path.write_bytes(MISTAKES.replace("\n", end_of_line).encode())
    begins = [line.partition("; it is")[0].partition(": it is")[0] for line in told(path)]
    assert begins == [
        "home.toml:2: threads: unknown option: write recognition.threads",
        "home.toml:6: recognition.treads: unknown option: write recognition.threads",
        "home.toml:7: recognition.threads: 0 is not a whole number from 1",
        "home.toml:8: recognition.smoothing.margin: 2 is not a number from 0 to 1",
        "home.toml:10: camera[1]: name is missing: add it",
        "home.toml:12: camera[1].threads: an option of the whole file, not of one table: "
        "write recognition.threads above the first [[table]]",
        "home.toml:15: page.token: secrets do not belong in a file: set EMOTION_EDGE_WEB_TOKEN",
        'home.toml:16: page.proxied_as: ["a.example", 3] is not a list of texts',
        'home.toml:21: events.min_seconds: "1" is not a number from 0',
    ]


def test_lines_are_those_at_which_statements_begin():
    text = 'a = """\nb = 1\n[c]\n"""\n[d."e f"]\ng.h = 1 # [i]\n"j" = [\n1,\n[2]]\n[[k]]\nl = {m = 1}'
    text += "\n[[k]]\n[k.n]\nl = [{o = 2}, {o = 3}]"
    assert config.lines(text) == {
        **{"a": 1, "d": 5, "d.e f": 5, "d.e f.g": 6, "d.e f.g.h": 6, "d.e f.j": 7},
        **{"k": 10, "k[1]": 10, "k[1].l": 11, "k[1].l.m": 11, "k[2]": 12, "k[2].n": 13, "k[2].n.l": 14},
        **{"k[2].n.l[1]": 14, "k[2].n.l[1].o": 14, "k[2].n.l[2]": 14, "k[2].n.l[2].o": 14},
    }


def test_a_run_tells_the_first_mistake_and_how_many_there_are(write, capsys):
    path = write("threads = 1\nstrict = true\n[foo]\n")
    assert cli.main(["run", "--config", str(path)]) == 2
    line = capsys.readouterr().err
    assert f"{path}:1: threads: unknown option (2 more mistakes): write recognition.threads" in line
    assert f"'emotion-edge config check {path}' shows all" in line
    path.write_text("threads = 1\n")
    assert cli.main(["run", "--config", str(path)]) == 2
    assert capsys.readouterr().err == f"emotion-edge: {path}:1: threads: unknown option: write recognition.threads\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(b"a = \n", r"is not valid TOML \(Invalid value \(at line 1, column 5\)\)", id="syntax"),
        pytest.param(b"source = '\xff'", "is not UTF-8 text", id="encoding"),
        pytest.param(None, "cannot be read", id="missing"),
    ],
)
def test_files_that_cannot_be_read(write, content, problem):
    path = write("")
    path.write_bytes(content) if content else path.unlink()
    for reader in (config.read, config.mistakes):
        with pytest.raises(UserError, match=problem):
            reader(path)


def test_a_mark_of_the_encoding_is_no_mistake(write):
    assert config.read(write("\ufeffsource = '0'\n")) == {"source": "0"}


@pytest.mark.parametrize("address", [*WITH_CREDENTIALS, *WITH_KEYS])
@pytest.mark.parametrize("name", ["source", "outputs.mqtt"])
def test_secrets_are_refused_and_not_repeated(write, name, address, capsys):
    path = write(f"{name} = {json.dumps(address)}\n")
    assert cli.main(["config", "check", str(path)]) == 2
    assert cli.main(["run", "--config", str(path)]) == 2
    said = "".join(capsys.readouterr())
    variable = "EMOTION_EDGE_CAMERA_PASSWORD" if name == "source" else "EMOTION_EDGE_MQTT_PASSWORD"
    assert said.count(f"home.toml:1: {name}: credentials, queries and keys do not belong in a file") == 2
    assert said.count(variable) == 2
    assert MARK not in said


class TestCheck:
    def test_a_file_without_mistakes(self, write, capsys):
        path = write("source = '0'\n")
        assert cli.main(["config", "check", str(path)]) == 0
        assert capsys.readouterr().out == f"{path}: no mistakes\n"

    def test_options_that_do_not_go_together(self, write, capsys):
        path = write(
            'source = "0"\n[capture]\nloop = true\nlive = true\n[page]\nkey = "a"\nproxied_as = ["b"]\n'
            '[outputs]\njsonl = "a"\nevents = "a"\nmqtt = "home.local"\n'
        )
        assert cli.main(["config", "check", str(path)]) == 2
        assert [line.removeprefix(str(path)) for line in capsys.readouterr().err.splitlines()] == [
            ":4: capture.live is for standard input, and the source is something else: leave it out",
            ":3: capture.loop is for videos, images and folders, and the source is something else: leave it out",
            ": a: is already the source or another output: name a different file for each output",
            ":6: page.certificate and page.key: one is missing: give both, or none",
            ":7: page.proxied_as is for the live page, which is off: add page.address, or leave it out",
            ":11: outputs.mqtt: this is not the address of a broker: write it as mqtt://host, mqtts://host:8883 or "
            "mqtt://host/prefix",
        ]

    def test_a_file_is_needed(self, capsys):
        assert cli.main(["config", "check"]) == 2
        assert "no configuration file is named: write 'emotion-edge config check home.toml'" in capsys.readouterr().err


class TestShow:
    @pytest.mark.parametrize("run", [Run(), Run("-"), EVERYTHING])
    def test_it_is_read_as_it_was(self, run):
        values, mistakes = from_mapping(Run, tomllib.loads(as_toml(run)), NOT_IN_FILES)
        assert mistakes == []
        assert build(Run, values) == run

    def test_every_option_has_its_help(self):
        text = re.sub(r"\n# ", " ", as_toml(Run()))
        for setting in IN_FILES:
            assert f"{explained(setting)}\n" in text
            if setting.table:
                assert f"\n#[[{setting.name}]]" in text
                continue
            assert re.search(rf"^#?{setting.path[-1]} = ", text, re.MULTILINE)

    def test_options_without_a_value_are_examples(self):
        text = re.sub(r"^#(\w+ = )", r"\1", as_toml(Run()), flags=re.MULTILINE)
        assert 'size = "WxH"' in text
        assert 'decoder = "v4l2m2m"' in text
        assert "realtime = true" in text

    def test_a_file_and_the_environment_hold(self, write, capsys, monkeypatch):
        monkeypatch.setenv(CAMERA_ADDRESS, f"http://10.0.0.7/live?key={MARK}")
        assert cli.main(["config", "show", str(write("[recognition]\nthreads = 3\n"))]) == 0
        shown = capsys.readouterr().out
        assert '\n#source = "http://10.0.0.7/live"\n' in shown
        assert tomllib.loads(shown)["recognition"]["threads"] == 3
        assert MARK not in shown


class TestTables:
    """Arrays of tables, as files show them."""

    @pytest.fixture(autouse=True)
    def house(self, monkeypatch):
        monkeypatch.setattr("edge.app.config_text.Run", House)

    def test_each_table_is_shown_with_what_is_its_own(self):
        house = House(3, EventLimits(2.0), (Door("a", 5, events=EventLimits(2.0)), Door("b", events=EventLimits(3.0))))
        text = as_toml(house)
        shown = tomllib.loads(text)["door"]
        assert shown == [{"name": "a", "bell": 5}, {"name": "b", "bell": 1, "events": {"min_seconds": 3.0}}]
        values, mistakes = from_mapping(House, tomllib.loads(text))
        assert mistakes == []
        assert build(House, values) == house
        assert "# rings; from 1\nbell = 5" in text

    def test_an_array_without_tables_is_an_example(self):
        text = as_toml(House())
        assert (
            '\n\n# a door\n#[[door]]\n# its name\n#name = "NAME"\n# rings; from 1\n#bell = 1\n# a way\n#path = "FILE"'
            in text
        )
        assert "door" not in tomllib.loads(text)

    def test_the_schema_has_the_options_of_tables(self):
        values = {"door": [{"name": "a", "events": {"min_seconds": 1}}]}
        assert accepts(schema(), values)
        assert accepts(schema(), {"door": []})
        for wrong in ({"name": 1}, {}, {"name": "a", "bell": 0}, {"name": "a", "number": 2}):
            assert not accepts(schema(), {"door": [wrong]})
        assert not accepts(schema(), {"door": {"name": "a"}})


def accepts(rule, value):
    """Return whether a value is as a schema, of those that are used here, wants it."""
    if "anyOf" in rule:
        return any(accepts(one, value) for one in rule["anyOf"])
    if "const" in rule:
        return value is rule["const"]
    types = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
    return (
        isinstance(value, types[rule["type"]])
        and (isinstance(value, bool) <= (rule["type"] == "boolean"))
        and ("enum" not in rule or value in rule["enum"])
        and ("minimum" not in rule or value >= rule["minimum"])
        and ("maximum" not in rule or value <= rule["maximum"])
        and (rule["type"] != "array" or all(accepts(rule["items"], item) for item in value))
        and (
            "properties" not in rule
            or all(accepts(rule["properties"].get(key, {"const": ()}), value[key]) for key in value)
        )
        and all(name in value for name in rule.get("required", ()))
    )


class TestSchema:
    @pytest.mark.parametrize("run", [Run(), EVERYTHING])
    def test_it_accepts_files(self, run):
        assert accepts(schema(), tomllib.loads(as_toml(run)))

    def test_it_accepts_the_example(self):
        assert accepts(schema(), tomllib.loads(EXAMPLE.read_text()))

    @pytest.mark.parametrize(
        "text",
        [
            *("threads = 1", "[recognition]\nthreads = 0", "[recognition]\nthreads = true", "events = 3"),
            *("[events]\nmin_confidence = 1.1", "[recognition]\nvariant = 'int4'", "[outputs]\nmetrics = false"),
            *("[page]\nproxied_as = [3]", "list_sources = true", "config = 'a'", "[[camera]]"),
        ],
    )
    def test_it_refuses_what_the_check_refuses(self, text):
        values = tomllib.loads(text)
        assert not accepts(schema(), values)
        assert from_mapping(Run, values, NOT_IN_FILES)[1]

    def test_it_is_printed(self, capsys):
        assert cli.main(["config", "schema"]) == 0
        assert json.loads(capsys.readouterr().out) == schema()

    def test_times_are_in_seconds(self):
        smoothing = schema()["properties"]["recognition"]["properties"]["smoothing"]["properties"]
        assert smoothing["time_constant"]["default"] == 0.3
        assert "; in s; from 0" in smoothing["time_constant"]["description"]


class TestExample:
    def test_it_has_no_mistakes(self, capsys):
        assert cli.main(["config", "check", str(EXAMPLE)]) == 0, capsys.readouterr().err
        run = config.from_file(EXAMPLE)
        assert run.page.address == Address("127.0.0.1", 8080)

    def test_its_examples_have_no_mistakes(self, write):
        text = re.sub(r"^# (?=\[\[|[\w.]+ = )", "", EXAMPLE.read_text(), flags=re.MULTILINE)
        path = write(text)
        assert told(path) == []
        run = config.from_file(path)
        assert [rule.name for rule in run.rule] == ["smile", "visitor", "blind"]
        assert run.store.path == Path("history.db")

    def test_what_it_shows_as_defaults_are_the_defaults(self):
        text = re.sub(r"^#(?=\w+ = )", "", EXAMPLE.read_text(), flags=re.MULTILINE)
        shown, given = tomllib.loads(text), tomllib.loads(EXAMPLE.read_text())
        defaults = {name: value for name, value in leaves(shown).items() if name not in leaves(given)}
        assert len(defaults) > 5
        assert defaults.items() <= leaves(DEFAULTS).items()


def leaves(values, prefix=""):
    """Return values by their dotted names."""
    found = {}
    for key, value in values.items():
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {prefix + key: str(value)}
    return found
