"""The result of `pip install`, in a folder whose names are other people's."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The package as a wheel, built from what git knows of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    if not (ROOT / ".git").exists():
        pytest.skip("only in a checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    command = [sys.executable, "-m", "pip", "wheel", *options, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def test_nothing_but_the_two_packages_is_installed(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"emotion_edge", "edge"}
    assert {"emotion_edge/py.typed", "edge/models/default/manifest.json", "edge/web/static/openapi.json"} <= set(names)
    assert any(name.endswith("/licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_it_runs_beside_files_of_the_same_names(wheel, tmp_path, demo_clip, yunet):
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    programs = environment / ("Scripts" if os.name == "nt" else "bin")
    install = [programs / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, timeout=120)
    # Its dependencies come from the environment of the tests, whose own copy of this package is found later.
    places = subprocess.run(
        [programs / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        **{"capture_output": True, "text": True, "check": True},
    )
    dependencies = Path(places.stdout.strip()) / "dependencies.pth"
    dependencies.write_text(sysconfig.get_path("purelib") + "\n")
    folder = tmp_path / "somebody's"
    (folder / "models").mkdir(parents=True)
    for name in ("train.py", "models/__init__.py"):
        (folder / name).write_text("raise SystemExit('this was imported')\n")
    command = [programs / "emotion-edge", "demo", "--directory", "shown"]
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert (folder / "shown" / "result.mp4").stat().st_size > 100_000
    code = "import edge, emotion_edge; print(edge.__file__, emotion_edge.load('nano'))"
    command = [programs / "python", "-c", code]
    done = subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True, timeout=120)
    assert str(environment) in done.stdout
