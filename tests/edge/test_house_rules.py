"""The rules of the house: who may import what, and who owns the names of the classes."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

from edge.base.classes import EMOTIONS

ROOT = Path(__file__).parents[2]
PACKAGES = ("emotion_edge", "edge", "train", "export", "benchmarks")
LEARNING = {"tensorflow", "keras", "tf_keras", "tensorboard", "torch", "jax"}


def modules(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text())))


def strings(path: Path) -> Iterator[str]:
    """Texts that stand in a file, docstrings among them."""
    for node in nodes(path):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def imports(path: Path) -> Iterator[str]:
    """Modules that a file imports, wherever in it the statement stands."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            own = ".".join(path.relative_to(ROOT).parent.parts)
            yield node.module if node.level == 0 else f"{own}.{node.module or ''}"


def packages(path: Path) -> set[str]:
    """The outermost packages of what a file imports."""
    return {name.split(".")[0] for name in imports(path)}


def python(code: str) -> str:
    """Standard output of a fresh interpreter."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def by_file(found: Iterable[tuple[Path, Iterable[object]]]) -> dict[str, list[object]]:
    """Files with something found in them, which a failing test shows."""
    return {shown(path): listed for path, things in found if (listed := list(things))}


def test_the_walk_sees_the_files_it_is_about():
    assert {path.name for path in modules("edge")} >= {"cli.py", "pipeline.py", "picamera.py", "interpreter.py"}
    assert packages(ROOT / "edge" / "faces" / "detector.py") >= {"cv2", "numpy", "edge"}


EXTRAS = {
    "edge/app/history_parquet.py": {"pyarrow"},
    "edge/base/ffmpeg.py": {"av"},
    "edge/base/options.py": {"msgspec"},
    "edge/base/settings.py": {"msgspec"},
    "edge/base/values.py": {"msgspec"},
    "edge/fleet/client.py": {"tuf", "cryptography"},
    "edge/fleet/keys.py": {"securesystemslib", "cryptography"},
    "edge/fleet/repository.py": {"tuf", "securesystemslib"},
    "edge/fleet/targets.py": {"tuf", "msgspec"},
    "edge/fleet/versions.py": {"msgspec"},
    "edge/model/manifest.py": {"msgspec"},
    "edge/model/release.py": {"msgspec"},
    "edge/sources/picamera.py": {"picamera2"},
    "edge/outputs/mqtt.py": {"paho"},
    "edge/outputs/rules/album.py": {"msgspec"},
    "edge/outputs/rules/gpio.py": {"gpiozero"},
    "edge/outputs/prometheus.py": {"prometheus_client"},
    "edge/report/cluster.py": {"distributed"},
    "edge/report/model_card.py": {"markdown_it"},
    "edge/report/parts.py": {"pyarrow"},
    "edge/report/batch.py": {"pyarrow"},
    "edge/report/table.py": {"pyarrow"},
    "edge/web/app.py": {"starlette"},
    "edge/web/guard.py": {"starlette"},
    "edge/web/bodies.py": {"starlette"},
    "edge/web/connections.py": {"uvicorn", "h11"},
    "edge/web/exposition.py": {"starlette"},
    "edge/web/server.py": {"uvicorn", "starlette"},
}
"""Modules that may import one thing more, and are themselves imported only when they are used."""


def test_the_edge_imports_numpy_opencv_pyav_and_the_standard_library_only():
    allowed = {"edge", "numpy", "cv2", "_sha2"} | sys.stdlib_module_names  # the hash, since Python 3.12
    assert by_file((path, packages(path) - allowed - EXTRAS.get(shown(path), set())) for path in modules("edge")) == {}


def test_only_the_interpreter_knows_the_runtimes_and_imports_by_name():
    others = [path for path in modules("edge") if path.name != "interpreter.py"]
    known = ("tensorflow", "ai_edge_litert", "tflite_runtime")
    assert by_file((path, (s for s in strings(path) if s.startswith(known) and " " not in s)) for path in others) == {}
    # These tests do not see imports by name.
    by_name = {"importlib", "importlib.util", "runpy"}
    assert by_file((path, by_name.intersection(imports(path))) for path in others) == {}
    names = {path: (node.id for node in nodes(path) if isinstance(node, ast.Name)) for path in others}
    assert by_file((path, {"__import__"}.intersection(found)) for path, found in names.items()) == {}


def test_the_command_line_starts_without_tensorflow_and_the_workstations_packages():
    loaded = set(python("import sys, edge.app.commands; print(*sys.modules)").split())
    assert "edge.pipeline.pipeline" in loaded
    unwanted = LEARNING.union({"train", "export", "benchmarks"}, *EXTRAS.values()) - {"av", "msgspec"}
    assert not {name for name in loaded if name.split(".")[0] in unwanted}
    assert "cv2" not in python("import sys, edge.app.cli, edge.app.doctor; print(*sys.modules)").split(), (
        "doctor must run"
    )
    assert "_hashlib" not in loaded, "OpenSSL takes memory of every run"


def test_only_training_and_export_learn():
    """Tests of theirs may, and benchmarks compare with it."""
    may = {Path(place) for name in ("train", "export", "benchmarks") for place in (name, f"tests/{name}")}
    paths = [path for path in ROOT.rglob("*.py") if not shown(path).startswith(".")]
    others = [path for path in paths if may.isdisjoint(path.relative_to(ROOT).parents)]
    assert len(others) < len(paths)
    assert by_file((path, packages(path) & LEARNING) for path in others) == {}


def test_every_package_is_installed():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {path.parent.relative_to(ROOT) for path in modules("emotion_edge", "edge")}
    assert {".".join(folder.parts) for folder in folders} | {"edge.models"} == set(listed)


def lists_of_classes(source: str) -> list[int]:
    """Lines where the seven names are written out in the order of the classes, as a list or in one string.

    In another order they are somebody else's: FER-2013 numbers them differently, and says so.
    """
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.List | ast.Tuple):
            names = tuple(element.value for element in node.elts if isinstance(element, ast.Constant))
            found = any(names[i : i + 7] == EMOTIONS for i in range(len(names)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            at = [node.value.find(name) for name in EMOTIONS]
            found = min(at) >= 0 and at == sorted(at)
        else:
            continue
        lines += [node.lineno] * found
    return lines


@pytest.mark.parametrize(
    ("source", "found"),
    [
        pytest.param(f"CLASSES = {EMOTIONS!r}", True, id="tuple"),
        pytest.param(f"CLASSES = ['none', *{list(EMOTIONS)!r}]", True, id="list"),
        pytest.param(f"CLASSES = ['none', {', '.join(map(repr, EMOTIONS))}]", True, id="inside a longer list"),
        pytest.param(f"CLASSES = '{' '.join(EMOTIONS)}'.split()", True, id="a string to be split"),
        pytest.param(f"ORDER = {EMOTIONS[::-1]!r}", False, id="another order"),
        pytest.param(f"PLEASANT = {EMOTIONS[3:5]!r}", False, id="some"),
        pytest.param("from edge.base.classes import EMOTIONS", False, id="imported"),
    ],
)
def test_lists_of_classes_are_recognized(source, found):
    assert bool(lists_of_classes(source)) == found


def test_the_classes_are_listed_once():
    listed = {shown(path) for path in modules(*PACKAGES, "tests") if lists_of_classes(path.read_text())}
    assert listed == {"edge/base/classes.py"}


def test_training_and_export_take_the_classes_from_the_edge():
    for folder in ("train", "export"):
        takers = [shown(path) for path in modules(folder) if "edge.base.classes" in set(imports(path))]
        if len(modules(folder)) > 1:  # more than the empty __init__
            assert takers, f"nothing in {folder}/ imports edge.base.classes"


def constants(path: Path) -> set[str]:
    """Constants and type aliases of a module: names with a capital that are assigned outside functions and classes."""
    statements = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Assign | ast.AnnAssign)]
    targets = [target for node in statements for target in getattr(node, "targets", None) or [node.target]]
    named = (node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name))
    return {name for name in named if name != name.lower()}


def test_no_two_modules_have_a_constant_of_one_name():
    """A constant that two modules share is imported, and different meanings have different names."""
    homes = defaultdict(list)
    for path in modules(*PACKAGES, "docs"):
        for name in constants(path) - {"T"}:  # the type variable, as everyone calls it
            homes[name].append(shown(path))
    assert {"CLASS_COLOURS", "DEMO_FPS", "Share"} <= homes.keys()
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_opencv_is_loaded_before_pyav():
    loaded = python("import sys, edge.base.ffmpeg; print(*sys.modules)").split()
    assert loaded.index("cv2") < loaded.index("av"), "OpenCV's windows hang otherwise"


def test_libraries_do_not_print():
    printing = {
        shown(path)
        for path in modules("edge")
        for node in nodes(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    commands = {f"edge/app/{name}.py" for name in ("cli", "commands", "commands_fleet", "doctor", "run", "run_cameras")}
    assert printing == commands | {"edge/base/errors.py"}


def test_docstrings_say_what_something_is_or_does():
    """A reader must not decode a question first."""
    questions = {"What", "Whether", "Where", "How", "Of", "Those", "That", "Who"}
    texts = {
        path: [node.value.value for node in nodes(path) if is_docstring(node)]
        for path in modules(*PACKAGES, "tests", "examples")
    }
    assert by_file((path, (t for t in found if t.split()[0] in questions)) for path, found in texts.items()) == {}


def is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def test_no_text_speaks_of_variables_of_make():
    """Users of the program and of Python have none."""
    variable = re.compile(r"\b(MODEL|SOURCE|VIDEO|ARGS)=")
    paths = modules("emotion_edge", "edge")
    assert by_file((path, filter(variable.search, strings(path))) for path in paths) == {}
