"""The process whose time and memory are those of a model."""

import subprocess
import sys

from benchmarks.base.process import ROOT


def test_the_measured_process_loads_no_libraries_beside_the_runtime():
    code = "import sys, benchmarks.measure.latency; print(sorted({'cv2', 'av', 'matplotlib'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
