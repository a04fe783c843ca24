"""LiteRT's own profiler, which times each kernel of an inference from within, those of XNNPACK too.

Python's interpreter does not offer it, and the benchmark in the package's `tools` times whole inferences only. The C
API of the library that comes in the same package does; what is declared here of it stands in LiteRT's headers
`litert/c/*.h`. What the profiler found is read from the table that it writes, because the layout of its records changed
from version to version.
"""

import ctypes
import importlib.util
import re
import time
from ctypes import byref, c_char_p, c_int, c_int32, c_size_t, c_uint32, c_void_p
from pathlib import Path
from typing import Any

from benchmarks.base.harness import BURST, WARM_UP
from edge.base.errors import UserError

LIBRARY = "libLiteRt.so"
CPU = 1
PROFILING = (b"runtime_options_string", b"enable_profiling = true\n")
"""An option as LiteRT takes it: whose it is, and TOML."""

ROW = re.compile(r"^ *(?P<kernel>\S.*?)(?: +[\d.]+){2} +(?P<ms>[\d.]+)(?: +[\d.]+%){2} .*\[\w+\]:\d+ *$", re.MULTILINE)
"""One kernel in the table: its name, when it began, its first time, its mean in ms, two shares, and more."""

FIRST, NEXT = "= Run Order =", "= Top by Computation Time ="
"""Headings of the table and of the one after it, which has the same rows in another order."""

Kernel = tuple[str, float]
"""Name as its library calls it, such as `Convolution (NHWC, QC8) DWConv`, or as the format calls the operator where the
runtime's own kernel ran; and the mean milliseconds of an inference, each cut to whole microseconds: 0.5 µs too low."""


class _TensorType(ctypes.Structure):
    """LiteRtRankedTensorType."""

    _fields_ = (("element", c_int), ("rank", c_uint32), ("sizes", c_int32 * 8), ("strides", c_uint32 * 8))


def profile(model: bytes) -> list[Kernel]:
    """Run a model with one input and one output on zeros, on one thread; its kernels in the order they ran.

    What is made here stays until the process ends.

    Raises:
        UserError: this runtime has no profiler, or cannot run the model.
    """
    litert, opened = _LiteRt(), c_void_p()
    environment = litert.make("CreateEnvironment", 0, None)
    litert.call("CreateModelFromBuffer", environment, model, c_size_t(len(model)), byref(opened))
    compiled = litert.make("CreateCompiledModel", environment, opened, _options(litert))
    profiler = litert.make("CompiledModelGetProfiler", compiled)
    takes, gives = (_buffer(litert, way, environment, opened, compiled) for way in ("Input", "Output"))
    one, first = c_size_t(1), c_size_t(0)

    def run(seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            litert.call("RunCompiledModel", compiled, first, one, byref(takes), one, byref(gives))

    run(WARM_UP)
    litert.call("StartProfiler", profiler)
    run(BURST)
    litert.call("StopProfiler", profiler)
    summary = c_char_p()
    litert.call("GetProfileSummary", profiler, compiled, byref(summary))
    return read_summary((summary.value or b"").decode())


def read_summary(text: str) -> list[Kernel]:
    """The kernels of the profiler's first table, in the order they ran."""
    _, _, table = text.partition(FIRST)
    rows = ROW.finditer(table.partition(NEXT)[0])
    return [(row["kernel"].removeprefix("Delegate/"), float(row["ms"])) for row in rows]


class _LiteRt:
    """The library, with exceptions in place of status codes."""

    def __init__(self) -> None:
        found = importlib.util.find_spec("ai_edge_litert")
        path = Path(found.origin or "").parent / LIBRARY if found else Path(LIBRARY)
        try:
            self._library = ctypes.CDLL(str(path))
        except OSError as error:
            raise UserError("this TFLite runtime has no profiler", "install ai-edge-litert 2.3 for it") from error

    def call(self, name: str, *arguments: Any) -> None:
        """Call `LiteRt<name>`."""
        try:
            status = getattr(self._library, f"LiteRt{name}")(*arguments)
        except AttributeError as error:
            raise UserError(f"this version of LiteRT has no {name}", "install ai-edge-litert 2.3") from error
        if status:
            raise UserError(f"LiteRT cannot profile this model ({name}: status {status})", "take another variant")

    def make(self, name: str, *arguments: Any) -> c_void_p:
        """Call a function that returns a handle in its last argument."""
        made = c_void_p()
        self.call(name, *arguments, byref(made))
        return made


def _options(litert: _LiteRt) -> c_void_p:
    """Options of LiteRT: XNNPACK on one thread, as by default, and the profiler."""
    c = ctypes.CDLL(None)
    c.strdup.restype = c_void_p  # LiteRT frees what it is given
    options, (owner, toml) = litert.make("CreateOptions"), PROFILING
    litert.call("SetOptionsHardwareAccelerators", options, CPU)
    profiling = litert.make("CreateOpaqueOptions", owner, c_void_p(c.strdup(toml)), c.free)
    litert.call("AddOpaqueOptions", options, profiling)
    return options


def _buffer(litert: _LiteRt, way: str, environment: c_void_p, model: c_void_p, compiled: c_void_p) -> c_void_p:
    """Memory for the only input or output, for one face."""
    first = c_size_t(0)
    tensor = litert.make(f"GetSubgraph{way}", litert.make("GetModelSubgraph", model, first), first)
    described = _TensorType()
    litert.call("GetRankedTensorType", tensor, byref(described))
    described.sizes[0] = 1  # where the number of faces is open
    needs = litert.make(f"GetCompiledModel{way}BufferRequirements", compiled, first, first)
    return litert.make("CreateManagedTensorBufferFromRequirements", environment, byref(described), needs)
