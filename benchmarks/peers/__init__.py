"""Other packages that read faces, each in its own environment, compared with the edge.

The programs `with_*.py`, and `program.py` that they share, run in those environments: they import nothing of this
project that needs more than numpy and the standard library. Therefore this file imports nothing.
"""
