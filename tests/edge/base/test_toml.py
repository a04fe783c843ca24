"""Values as TOML."""

import tomllib

import pytest

from edge.base.toml import toml_value


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            "a",
            'a"b\\c\n\t\x00\x7f…',
            "/dev/video0",
            0,
            -3,
            1.5,
            1e-7,
            1e22,
            True,
            False,
            [],
            ["a", "b"],
            [1, 2.5, True],
        ),
        *({}, {"a": 1, "b-c_1": [1.5], "d e": "f", "": 0, "ä": {"x": False}}),
    ],
)
def test_values_are_read_as_they_were_written(value):
    assert tomllib.loads(f"value = {toml_value(value)}") == {"value": value}
