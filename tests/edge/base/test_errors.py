"""A user's mistake is one line and status 2; a bug keeps its traceback."""

import pytest

from edge.base.errors import UserError, exit_on_user_error, needs_extra


def fail(error: Exception) -> int:
    raise error


def test_user_error_says_what_is_wrong_and_what_to_do():
    error = UserError("clip.mp4: the file is empty", "give a video")
    assert str(error) == "clip.mp4: the file is empty: give a video"
    assert (error.problem, error.remedy) == ("clip.mp4: the file is empty", "give a video")


@pytest.mark.parametrize("status", [0, 1, 2])
def test_the_status_of_a_run_without_errors_is_its_own(status, capsys):
    assert exit_on_user_error(lambda: status) == status
    assert capsys.readouterr() == ("", "")


def test_a_user_error_is_one_line_on_stderr_and_status_2(capsys):
    assert exit_on_user_error(lambda: fail(UserError("a.png: not an image", "give another"))) == 2
    assert capsys.readouterr() == ("", "emotion-edge: a.png: not an image: give another\n")


def test_a_bug_is_not_hidden(capsys):
    with pytest.raises(ZeroDivisionError):
        exit_on_user_error(lambda: fail(ZeroDivisionError()))
    assert capsys.readouterr() == ("", "")


def test_a_missing_package_names_its_extra():
    with pytest.raises(UserError, match="no_such_package is not installed") as caught, needs_extra("mqtt"):
        import no_such_package  # noqa: F401
    assert caught.value.remedy == "run \"pip install 'emotion-edge[mqtt]'\""


def test_a_missing_module_of_our_own_is_a_bug():
    with pytest.raises(ModuleNotFoundError), needs_extra("mqtt"):
        import edge.no_such_module  # noqa: F401
