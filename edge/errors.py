"""How the package says that something is wrong with what it was given."""

import sys
from collections.abc import Callable

INTERRUPTED = 130
"""Exit status after Ctrl-C, by the shells' convention."""


class UserError(Exception):
    """Something a user can put right: bad input, a missing file, an absent camera.

    Args:
        problem: what is wrong and where, naming the thing, without a full stop.
        remedy: what to do about it, as an imperative clause.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem
        self.remedy = remedy


def exit_on_user_error(main: Callable[[], int]) -> int:
    """Run `main`; a `UserError` becomes one line on stderr and status 2, a bug keeps its traceback.

    An interruption is one line and status 130.
    """
    try:
        return main()
    except UserError as error:
        print(f"emotion-edge: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("emotion-edge: interrupted", file=sys.stderr)
        return INTERRUPTED
