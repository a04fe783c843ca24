"""Rules of a configuration file, in a run of the program."""

import json
import sys

import pytest

from edge.app import cli

RULES = """
source = {source}

[outputs]
window = false

[recognition]
model = {model}

[[rule]]
name = "note"
when = "faces_below"
faces = 1
min_seconds = 0
program.command = {command}

[[rule]]
name = "wrong"
when = "expression"
expression = "{expression}"
webhook.variable = "EE_TEST_HOOK"
"""


@pytest.fixture
def write(tmp_path, bundle, write_clip):
    def written(expression="happy"):
        clip = write_clip(tmp_path / "clip.mp4")
        command = [sys.executable, "-c", "", "a b"]
        values = {"source": clip, "model": bundle, "command": command}
        path = tmp_path / "home.toml"
        text = RULES.format(
            expression=expression, **{name: json.dumps(value, default=str) for name, value in values.items()}
        )
        path.write_text(text)
        return path

    return written


def test_config_check_finds_mistakes_of_rules_with_their_lines(write, capsys, monkeypatch):
    monkeypatch.delenv("EE_TEST_HOOK", raising=False)
    path = write("hapy")
    assert cli.main(["config", "check", str(path)]) == 2
    lines = capsys.readouterr().err.replace(f"{path}", "home.toml").splitlines()
    assert [line.split(": ")[:3] for line in lines] == [
        ["home.toml:20", "rule[2].expression", "hapy is no class of the model"],
        ["home.toml:21", "rule[2].webhook.variable", "the environment variable EE_TEST_HOOK is not set"],
    ]


def test_a_run_refuses_rules_with_mistakes_before_it_begins(write, capsys, monkeypatch):
    monkeypatch.delenv("EE_TEST_HOOK", raising=False)
    assert cli.main(["run", "--config", str(write())]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "EE_TEST_HOOK is not set" in line


def test_a_run_with_rules_ends_as_without(write, capsys, monkeypatch):
    monkeypatch.setenv("EE_TEST_HOOK", "http://127.0.0.1:9/")
    path = write()
    assert cli.main(["config", "check", str(path)]) == 0
    assert cli.main(["run", "--config", str(path)]) == 0
    assert "12 frames" in capsys.readouterr().out
