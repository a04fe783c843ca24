"""Content of the locks: each package's hashes, and versions that fit what pyproject.toml asks for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
INPUTS = ("overrides", "opencv4-constraints")
"""Files that `make lock` reads and nothing installs."""

LOCKS = sorted(path.stem for path in (ROOT / "requirements").glob("*.txt") if path.stem not in INPUTS)
OURS = [lock for lock in LOCKS if not lock.startswith("peer-")]
PINNED = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ]+)( ; .+?)?(?P<hashes>( --hash=sha256:[0-9a-f]{64})+)")


def entries(lock):
    """The requirements of a lock, each with its hashes in one line."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    return [re.sub(r" *\\\n *", " ", entry).strip() for entry in re.split(r"\n(?=\S)", text)]


def asked(extra=None):
    """Requirements of the package, or of one of its extras with those that the extra names."""
    project = PROJECT["project"]
    found = [
        Requirement(text) for text in (project["optional-dependencies"][extra] if extra else project["dependencies"])
    ]
    own = [name for requirement in found if requirement.name == "emotion-edge" for name in requirement.extras]
    return [r for r in found if r.name != "emotion-edge"] + [r for name in own for r in asked(name)]


def versions(lock):
    """The versions of each package: there may be one for older and one for newer Pythons."""
    found = {}
    for entry in entries(lock):
        name, _, version = entry.split()[0].partition("==")
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_each_package_has_its_hashes_and_no_address(lock):
    for entry in entries(lock):
        match = PINNED.fullmatch(entry)
        assert match, entry[:200]
        hashes = match["hashes"].split()
        assert len(set(hashes)) == len(hashes), f"{match['name']}: hashes of another release may be among them"


@pytest.mark.parametrize("lock", OURS)
def test_versions_fit_what_is_asked_for(lock):
    locked = versions(lock)
    for requirement in (r for extra in (None, *PROJECT["project"]["optional-dependencies"]) for r in asked(extra)):
        for version in locked.get(canonicalize_name(requirement.name), ()):
            assert requirement.specifier.contains(version), f"{requirement.name} {version}"


@pytest.mark.parametrize(
    ("lock", "extras"),
    [
        ("edge", [None]),
        ("bookworm", [None]),
        ("test", [None, "test"]),
        ("opencv4", [None, "test"]),
        ("outputs", ["web", "mqtt"]),
        ("analyze", ["analyze"]),
        ("cluster", ["cluster"]),
        ("bench", ["bench"]),
        ("workstation", [None, "dev"]),
    ],
)
def test_nothing_that_is_asked_for_is_missing(lock, extras):
    wanted = {canonicalize_name(requirement.name) for extra in extras for requirement in asked(extra)}
    assert wanted <= versions(lock).keys()


def test_what_builds_the_package_is_locked_and_one_version_everywhere():
    (requirement,) = map(Requirement, PROJECT["build-system"]["requires"])
    (version,) = versions("build")[requirement.name]
    assert requirement.specifier.contains(version)
    assert versions("workstation")[requirement.name] == {version}, "or one set-up would undo the other's"


@pytest.mark.parametrize("name", ["Makefile", "deploy/Containerfile", "tests/boards/common.sh"])
def test_pip_takes_no_lock_without_its_hashes(name):
    text = (ROOT / name).read_text().replace("\\\n", " ").replace("$(LOCKED)", "--require-hashes --only-binary=:all:")
    calls = [
        line for line in text.splitlines() if re.search(r"\bpip install|PIP_INSTALL\)|-m pip ", line) and " -r " in line
    ]
    assert calls
    assert all("--require-hashes" in call and "--only-binary=:all:" in call for call in calls), calls


def test_a_release_has_the_same_hashes_in_every_lock():
    known = {}
    for lock in LOCKS:
        for entry in entries(lock):
            match = PINNED.fullmatch(entry)
            known.setdefault((match["name"], match["version"]), set()).add(match["hashes"])
    assert [release for release, hashes in known.items() if len(hashes) > 1] == []
