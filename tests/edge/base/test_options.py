"""Declared options: their values from words and files, their words, and errors that name them."""

from dataclasses import MISSING, dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import Annotated

import pytest
from msgspec import Meta

from edge.base.options import Option, build, declared, from_mapping, own, words
from edge.base.settings import (
    DEFAULT_BUNDLE,
    MODELS,
    Analyze,
    Capture,
    Demo,
    EventLimits,
    InstallService,
    Options,
    Outputs,
    Page,
    Predict,
    Run,
    Smoothing,
)
from edge.base.values import Address, Size

COMMANDS = [Run, Predict, Analyze, Demo, InstallService]


def setting(name, settings=Run):
    return next(one for one in declared(settings) if one.name == name)


@pytest.mark.parametrize("settings", COMMANDS)
def test_names_and_flags_are_used_once(settings):
    found = declared(settings)
    flags = [one.option.flag for one in found if one.option.flag]
    assert len({one.name for one in found}) == len(found)
    assert len(set(flags)) == len(flags)


@pytest.mark.parametrize("settings", COMMANDS)
def test_defaults_are_in_their_ranges_and_are_what_their_words_mean(settings):
    for one in declared(settings):
        if one.default in (None, MISSING) or one.repeated:
            continue
        assert one.convert(one.default) == one.default
        if one.kind is not bool:
            (word,) = one.words(one.default)
            assert one.parse(word) == one.default


def test_names_that_are_left_out_are_not_declared():
    assert "recognition.max_classifications" not in {one.name for one in declared(Predict)}
    assert "run.list_sources" not in {one.name for one in declared(InstallService)}
    assert setting("recognition.smoothing.time_constant", Predict).default == 0


def test_a_setting_belongs_to_the_group_of_the_class_that_declares_it():
    groups = {name: setting(name).group for name in ("source", "capture.size", "capture.loop", "capture.strict")}
    assert groups == {
        "source": "",
        "capture.size": "cameras and streams",
        "capture.loop": "videos, images and folders",
        "capture.strict": "folders of images",
    }
    assert setting("recognition.smoothing.time_constant").group == "recognition"


@pytest.mark.parametrize(
    ("name", "word", "value"),
    [
        ("recognition.threads", "4", 4),
        ("recognition.smoothing.time_constant", "250", 0.25),
        ("events.min_confidence", "0.7", 0.7),
        ("capture.size", "640x480", Size(640, 480)),
        ("recognition.model", "nano", MODELS / "nano"),
        ("recognition.model", "./nano", Path("nano")),
        ("outputs.jsonl", "-", Path("-")),
    ],
)
def test_words_have_values(name, word, value):
    assert setting(name).parse(word) == value


@pytest.mark.parametrize(
    ("name", "word", "problem"),
    [
        ("recognition.threads", "0", "0 is not a whole number from 1"),
        ("recognition.threads", "1.5", "1.5 is not a whole number from 1"),
        ("recognition.detector_size", "31", "31 is not a whole number from 32"),
        ("recognition.smoothing.time_constant", "-1", "-1 is not a number from 0"),
        ("recognition.smoothing.time_constant", "nan", "nan is not a number from 0"),
        ("recognition.smoothing.time_constant", "inf", "inf is not a number from 0"),
        ("events.min_confidence", "1.1", "1.1 is not a number from 0 to 1"),
        ("capture.fps", "fast", "fast is not a number from 0.1"),
        ("outputs.video", "", "an empty name"),
    ],
)
def test_words_out_of_range_are_refused(name, word, problem):
    with pytest.raises(ValueError, match=problem):
        setting(name).parse(word)


EVERYTHING = Run(
    "clip.mp4",
    wait_for_camera=True,
    capture=Capture(size=Size(64, 48), fps=12.5, controls={"ColourGains": [1.5, 2], "AeEnable": False}, realtime=False),
    outputs=Outputs(jsonl=Path("-"), video=Path("-v.mp4"), metrics=Address("::1", 9108), window=False),
    events=EventLimits(1.234, 1.0),
    page=Page(Address("0.0.0.0", 0), proxied_as=("a.example", "b.example")),
    recognition=Options(model=MODELS / "nano", detector_size=640, smoothing=Smoothing(time_constant=0.0)),
)


def test_settings_have_words_and_those_at_their_defaults_none():
    assert words(Run()) == ["auto"]
    assert words(Run("0", recognition=Options(model=DEFAULT_BUNDLE, threads=2))) == ["0", "--threads", "2"]
    found = words(EVERYTHING)
    assert found[0] == "clip.mp4"
    assert {"--no-realtime", "--no-window", "--video=-v.mp4", "ColourGains=1.5, 2", "[::1]:9108", "nano"} <= set(found)
    assert words(EVERYTHING, without=("source",)) == found[1:]


def test_settings_are_built_from_some_values():
    run = build(Run, {"source": "0", "recognition.smoothing.time_constant": 0.5})
    assert run == replace(Run("0"), recognition=Options(smoothing=Smoothing(time_constant=0.5)))
    assert build(Predict, {"images": (Path("a"),)}).recognition.smoothing.time_constant == 0, "the command's default"


def test_words_tell_the_differences_from_other_settings():
    base = Run("0", outputs=Outputs(window=False), recognition=Options(threads=2, max_faces=4))
    changed = replace(base, recognition=Options(max_faces=4))
    assert words(base, base=base) == []
    assert words(changed, base=base) == ["--threads", "1"]
    assert words(replace(base, source="1"), base=base) == ["1"]


def test_what_a_file_has_for_a_value_means_it():
    for one in declared(Run):
        value = attrgetter(one.name)(EVERYTHING)
        assert value is None or one.convert(one.stored(value)) == value


def test_a_file_has_names_and_values():
    values = {
        "source": "rtsp://10.0.0.7/live",
        "capture": {"size": [640, 480], "controls": {"ExposureTime": 10000, "ColourGains": [1.5, 2]}},
        "outputs": {"jsonl": "r.jsonl", "metrics": True},
        "page": {"address": "0.0.0.0:8080", "proxied_as": ["cam.example.org"]},
        "recognition": {"model": "nano", "detect_interval": 1, "smoothing": {"time_constant": 0.5}},
    }
    found, mistakes = from_mapping(Run, values)
    run = build(Run, found)
    assert mistakes == []
    assert run.source == "rtsp://10.0.0.7/live"
    assert run.capture.size == Size(640, 480)
    assert run.capture.controls == {"ExposureTime": 10000, "ColourGains": [1.5, 2]}
    assert run.outputs == Outputs(jsonl=Path("r.jsonl"), metrics=Address("127.0.0.1", 9108))
    assert run.page == Page(Address("0.0.0.0", 8080), proxied_as=("cam.example.org",))
    assert run.recognition.model == MODELS / "nano"
    assert (run.recognition.detect_interval, run.recognition.smoothing.time_constant) == (1.0, 0.5)
    assert run.recognition.max_faces == Options.max_faces


@pytest.mark.parametrize(
    ("values", "name", "problem", "remedy"),
    [
        ({"sauce": "0"}, "sauce", "unknown option", "write source"),
        ({"threads": 1}, "threads", "unknown option", "write recognition.threads"),
        ({"recognition": {"treads": 1}}, "recognition.treads", "unknown option", "write recognition.threads"),
        ({"page": {"web": "x"}}, "page.web", "unknown option", "write page.address"),
        ({"smoothing-ms": 3}, "smoothing-ms", "unknown option", "write recognition.smoothing.time_constant"),
        ({"output": {"jsonl": "a"}}, "output.jsonl", "unknown option", "write outputs.jsonl"),
        ({"zzz": {}}, "zzz", "unknown option", "leave it out"),
        ({"events": 3}, "events", "this is a table", "write [events] and its options below"),
        ({"recognition": {"threads": 0}}, "recognition.threads", "0 is not a whole number from 1", "it is: threads"),
        ({"recognition": {"threads": "2"}}, "recognition.threads", '"2" is not a whole number from 1', "it is: "),
        ({"recognition": {"threads": True}}, "recognition.threads", "true is not a whole number from 1", "it is: "),
        (
            {"recognition": {"variant": "int4"}},
            *("recognition.variant", '"int4" is not one of float32, float16, dynamic, int8', "it is: "),
        ),
        ({"events": {"min_seconds": -1}}, "events.min_seconds", "-1 is not a number from 0", "it is: "),
        ({"capture": {"size": [0, 480]}}, "capture.size", "[0, 480] is not written as WxH", "it is: "),
        ({"capture": {"loop": "yes"}}, "capture.loop", '"yes" is not true or false', "it is: "),
        ({"capture": {"controls": "a=1"}}, "capture.controls", '"a=1" is not a table of names and values', "it is: "),
        ({"capture": {"controls": {"a": "b"}}}, "capture.controls", '{a = "b"} is not a table of', "it is: "),
        ({"outputs": {"jsonl": 3}}, "outputs.jsonl", "3 is not written as FILE", "it is: "),
        ({"outputs": {"metrics": False}}, "outputs.metrics", "false is not written as HOST:PORT", "it is: "),
        ({"page": {"address": "8080"}}, "page.address", "8080 is not an address", "it is: "),
        ({"page": {"proxied_as": 5}}, "page.proxied_as", "5 is not a list of texts", "it is: "),
        ({"page": {"proxied_as": "a"}}, "page.proxied_as", '"a" is not a list of texts', "it is: "),
        ({"page": {"proxied_as": ["a b"]}}, "page.proxied_as", "a b is not the name of a host", "it is: "),
    ],
)
def test_what_is_wrong_in_a_file_is_named(values, name, problem, remedy):
    _, (mistake,) = from_mapping(Run, values)
    assert mistake.name == name
    assert mistake.problem.startswith(problem)
    assert mistake.remedy.startswith(remedy)


def test_all_mistakes_are_named_and_the_rest_is_read():
    found, mistakes = from_mapping(
        Run, {"a": 1, "recognition": {"threads": 0, "max_faces": 3}, "config": "x"}, ["config"]
    )
    assert [mistake.name for mistake in mistakes] == ["a", "recognition.threads", "config"]
    assert found == {"recognition.max_faces": 3}


@dataclass(frozen=True)
class Door:
    """Settings of one table."""

    name: Annotated[str, Option("its name", metavar="NAME")]
    bell: Annotated[int, Meta(ge=1), Option("rings", "--bell")] = 1
    path: Annotated[Path | None, Option("a way", metavar="FILE")] = None
    events: EventLimits = field(default_factory=EventLimits)


@dataclass(frozen=True)
class House:
    """Settings with an array of tables."""

    number: Annotated[int, Option("its number", "--number")] = 1
    events: EventLimits = field(default_factory=EventLimits)
    door: Annotated[tuple[Door, ...], Option("a door")] = ()


def test_tables_of_an_array_have_values_and_take_their_defaults_from_around_them():
    doors = [{"name": "a"}, {"name": "b", "bell": 2, "path": "p", "events": {"min_confidence": 0.7}}]
    found, mistakes = from_mapping(House, {"events": {"min_seconds": 2}, "door": doors})
    assert mistakes == []
    house = build(House, found)
    assert house.door == (Door("a", events=EventLimits(2.0)), Door("b", 2, Path("p"), EventLimits(2.0, 0.7)))
    assert build(House, {"door": house.door, "number": 2}).door == house.door, "what is built already stays"
    assert build(House, {}).door == ()


def test_tables_of_an_array_take_over_what_the_command_line_says():
    found, _ = from_mapping(House, {"events": {"min_seconds": 2}, "door": [{"name": "a"}]})
    assert build(House, found | {"events.min_seconds": 5.0}).door[0].events.min_seconds == 5.0


def test_what_is_its_own_of_a_table_differs_from_the_settings_around_it():
    door = Door("a", events=EventLimits(2.0, 0.7))
    assert [one.name for one in own(door, House(events=EventLimits(2.0), door=(door,)))] == [
        *("name", "bell", "path", "events.min_confidence")
    ]


def test_arrays_of_tables_have_no_words():
    assert words(House(2, door=(Door("a"),))) == ["--number", "2"]
    assert setting("door", House).table is Door
    assert setting("number", House).table is None


@pytest.mark.parametrize(
    ("doors", "name", "problem", "remedy"),
    [
        ({"name": "a"}, "door", "there may be several tables of it", "write [[door]], once for each"),
        ([3], "door", "there may be several tables of it", "write [[door]], once for each"),
        ([{"name": "a"}, {}], "door[2]", "name is missing", "add it; it is: its name"),
        ([{"name": 3}], "door[1].name", "3 is not a text", "it is: its name"),
        ([{"name": "a"}, {"name": "b", "bell": 0}], "door[2].bell", "0 is not a whole number from 1", "it is: rings"),
        (
            [{"name": "a", "events": {"min_seconds": -1}}],
            *("door[1].events.min_seconds", "-1 is not a number from 0", "it is: "),
        ),
        ([{"name": "a", "bel": 1}], "door[1].bel", "unknown option", "write bell"),
        ([{"name": "a", "min_seconds": 1}], "door[1].min_seconds", "unknown option", "write events.min_seconds"),
        (
            [{"name": "a", "number": 1}],
            *(
                "door[1].number",
                "an option of the whole file, not of one table",
                "write number above the first [[table]]",
            ),
        ),
        (
            [{"name": "a", "path": "https://user:secret@host"}],
            *("door[1].path", "credentials, queries and keys do not belong in a file", "leave them out"),
        ),
    ],
)
def test_what_is_wrong_in_a_table_of_an_array_is_named(doors, name, problem, remedy):
    _, (mistake,) = from_mapping(House, {"door": doors})
    assert mistake.name == name
    assert mistake.problem.startswith(problem)
    assert mistake.remedy.startswith(remedy)
