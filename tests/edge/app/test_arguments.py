"""Arguments of the command line made from declared options, and typed settings from them."""

import argparse

import pytest

from edge.app.arguments import add_options, typed
from edge.base.options import words
from edge.base.settings import Analyze, Demo, InstallService, Predict, Run

from ..base.test_options import EVERYTHING


def read(settings, *given):
    parser = argparse.ArgumentParser()
    add_options(parser, settings)
    return typed(settings, parser.parse_args(given))


@pytest.mark.parametrize(
    ("settings", "given"),
    [(Run, ["auto"]), (Predict, ["a.png"]), (Analyze, ["a.mp4", "--output", "o"]), (Demo, []), (InstallService, [])],
)
def test_without_options_settings_are_at_their_defaults(settings, given, monkeypatch):
    monkeypatch.delenv("EMOTION_EDGE_CAMERA_ADDRESS", raising=False)
    found = read(settings, *given)
    assert read(settings, *words(found)) == found
    assert [word for word in words(found) if word.startswith("--") and word not in given] == []


@pytest.mark.parametrize("run", [Run(), Run("-"), EVERYTHING])
def test_the_words_of_settings_mean_the_same_settings(run):
    assert read(Run, *words(run)) == run


def test_a_service_takes_the_options_of_its_run():
    assert read(InstallService, "--yes", *words(EVERYTHING)) == InstallService(yes=True, run=EVERYTHING)


def test_an_address_that_is_left_out_is_the_usual_one():
    assert read(Run, "0", "--web").page.address == ("127.0.0.1", 8080)


@pytest.mark.parametrize(
    "given",
    [["--threads", "0"], ["--detector-size", "31"], ["--variant", "int4"], ["--size", "640"], ["--web-host", "a b"]],
)
def test_what_is_out_of_range_is_told_with_its_flag(given, capsys):
    with pytest.raises(SystemExit):
        read(Run, *given)
    told = capsys.readouterr().err
    assert f"argument {given[0]}: " in told
    assert given[1] in told
