"""`python -m edge` is `emotion-edge`."""

from edge.app.cli import program

program()
