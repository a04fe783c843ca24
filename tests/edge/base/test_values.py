"""Values that are written as one word, and their words."""

from pathlib import Path

import pytest

from edge.base.values import Address, Control, Size, parse_host, parse_path


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (Size.parse, "640x480", (640, 480)),
        (Address.parse, "127.0.0.1:8080", ("127.0.0.1", 8080)),
        (Address.parse, "cam.lan:0", ("cam.lan", 0)),
        (Address.parse, "[::1]:80", ("::1", 80)),
        (Control.parse, "ExposureTime=10000", ("ExposureTime", 10000)),
        (Control.parse, "AeEnable=false", ("AeEnable", False)),
        (Control.parse, "ColourGains=1.5,2", ("ColourGains", [1.5, 2])),
        (parse_path, "a/b", Path("a/b")),
        (parse_host, "cam.example.org", "cam.example.org"),
    ],
)
def test_a_word_has_a_value_whose_word_means_the_same(parse, text, expected):
    value = parse(text)
    assert value == expected
    assert parse(str(value)) == value


def test_hosts_are_compared_as_they_travel():
    assert parse_host("Bücher.Example.") == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        *((Size.parse, text) for text in ("640", "0x480", "640x", "axb")),
        *((Address.parse, text) for text in ("8080", ":80", "host:", "host:http", "host:70000", "::1:80", "a..b:80")),
        *((Control.parse, text) for text in ("ExposureTime", "ExposureTime=long", "1=2", "=1", 'A="b"')),
        *((parse_host, text) for text in ("a b", "a..b", "http://a")),
    ],
)
def test_other_words_are_refused_by_name(parse, text):
    with pytest.raises(ValueError, match=r"is not .*: ") as caught:
        parse(text)
    assert text in str(caught.value)


def test_an_empty_path_is_not_the_current_folder():
    with pytest.raises(ValueError, match="an empty name"):
        parse_path("")
