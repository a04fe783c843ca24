"""A package that reads faces, as far as the suite can tell: a crop's first pixel is its class, each frame has one face.

python -m tests.benchmarks.peers.stand_in TASK INPUT ANSWER [FAULT]
"""

import sys

import numpy as np

from benchmarks.peers.program import serve
from edge.base.classes import EMOTIONS

FAULTS = {"no number": np.full(len(EMOTIONS), np.nan), "too few": np.ones(3)}

fault = " ".join(sys.argv[4:])
if fault == "broken":
    raise ModuleNotFoundError("No module named 'rotten'")
if fault == "silent":
    sys.exit(0)

serve(lambda face: FAULTS.get(fault, np.eye(len(EMOTIONS))[face[0, 0, 0] % len(EMOTIONS)]), lambda frame: 1)
