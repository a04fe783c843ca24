"""Child process of `benchmarks.base.process.call_fresh`.

python -m benchmarks.base.call MODULE FUNCTION ARGUMENTS ANSWER
"""

import importlib
import json
import sys
from pathlib import Path

from edge.base.errors import exit_on_user_error


def main() -> int:
    """Call the function with its JSON arguments, and write its result to the file."""
    module, function, arguments, answer = sys.argv[1:]
    Path(answer).write_text(json.dumps(getattr(importlib.import_module(module), function)(*json.loads(arguments))))
    return 0


sys.exit(exit_on_user_error(main))
