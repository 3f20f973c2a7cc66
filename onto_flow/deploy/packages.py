"""Packages that a job brings to its workers: built from a project, looked into, with what they require."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions, requires
from pathlib import Path, PurePosixPath

from ..core.errors import UsageError

BEAM = "apache-beam[gcp]"
"""What Beam's own image has installed, with all that it requires."""

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^\]]*)\])?[^;]*(?:;(.*))?")
_EXTRA = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")


@dataclass(frozen=True)
class Package:
    """An archive that workers install.

    Attributes:
        file: The archive.
        modules: The names of its top-level modules and packages.
        requirements: What installing it brings.
    """

    file: Path
    modules: frozenset[str]
    requirements: Sequence[str] = ()

    @classmethod
    def of(cls, file: Path) -> Package:
        """Looks into an archive: an sdist or a wheel.

        Raises:
            UsageError: `wrong-usage`: it cannot be read.
        """
        try:
            names, about = (_wheel if file.suffix == ".whl" else _sdist)(file)
        except (OSError, tarfile.TarError, zipfile.BadZipFile, KeyError) as error:
            raise UsageError(
                "wrong-usage", f"{file} is no package: {error}", fix="Give an sdist or a wheel."
            ) from error
        lines = [
            line.removeprefix("Requires-Dist:") for line in about.splitlines() if line.startswith("Requires-Dist:")
        ]
        return cls(file, frozenset(_top_level(names)), [line.strip() for line in lines if "extra ==" not in line])


def build(project: Path, into: Path) -> Package:
    """Builds the sdist of a project with the setuptools that are installed here; nothing is fetched.

    Args:
        project: Its `setup.py` or `pyproject.toml`.
        into: A folder.

    Raises:
        UsageError: `wrong-usage`: it cannot be built.
    """
    code = f"from setuptools import build_meta; print(build_meta.build_sdist({str(into)!r}))"
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, cwd=project.parent, capture_output=True, text=True)  # noqa: S603 - the user's own project
    if done.returncode:
        last = "".join(done.stderr.strip().splitlines()[-1:])
        raise UsageError(
            "wrong-usage", f"{project} builds no package: {last}", fix="Build it, and give --extra_package."
        )
    return Package.of(into / done.stdout.strip().splitlines()[-1])


def _sdist(file: Path) -> tuple[list[str], str]:
    with tarfile.open(file) as archive:
        inside = [name.partition("/")[2] for name in archive.getnames()]
        about = next((n for n in archive.getnames() if re.fullmatch(r"[^/]+/PKG-INFO", n)), None)
        text = archive.extractfile(about) if about else None
        return inside, text.read().decode() if text else ""


def _wheel(file: Path) -> tuple[list[str], str]:
    with zipfile.ZipFile(file) as archive:
        about = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return archive.namelist(), archive.read(about).decode()


def _top_level(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        path = PurePosixPath(name.removeprefix("src/"))
        if path.suffix != ".py" or path.name == "setup.py":
            continue
        if len(path.parts) == 1:
            yield path.stem
        elif path.parts[0].isidentifier():
            yield path.parts[0]


def required(asked: Iterable[str]) -> set[str]:
    """The distributions that requirements bring, with all that these require; known from what is installed here.

    Example:
        >>> "pytest" in required(["pytest>=8"]), "pluggy" in required(["pytest>=8"])
        (True, True)
    """
    waiting, seen = [parsed for text in asked if (parsed := _parsed(text))], set[tuple[str, frozenset[str]]]()
    while waiting:
        name, extras, _ = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for text in _requires(name):
            inner = _parsed(text)
            if inner and (inner[2] is None or inner[2] in extras):
                waiting.append(inner)
    return {name for name, _ in seen}


@cache
def distributions_of(module: str) -> tuple[str, ...]:
    """The installed distributions that have a top-level module.

    Most are called as it is; to find out the others, all that is installed is looked through, which takes seconds.

    Example:
        >>> distributions_of("pytest"), distributions_of("no_such_module")
        (('pytest',), ())
    """
    try:
        return (distribution(module.replace("_", "-")).metadata["Name"],)
    except PackageNotFoundError:
        return tuple(packages_distributions().get(module, ()))


def extras_of(extra: str) -> set[str]:
    """The distributions of an extra of ours.

    Example:
        >>> extras_of("parquet"), extras_of("jsonl")
        ({'pyarrow'}, set())
    """
    found = [parsed for text in _requires("onto-flow") if (parsed := _parsed(text))]
    return {name for name, _, of in found if of == extra and extra}


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


def _parsed(text: str) -> tuple[str, frozenset[str], str | None] | None:
    """(distribution, its extras, the extra for which it is required); markers of other kinds are taken to hold."""
    found = _REQUIREMENT.match(text)
    if found is None or text.lstrip().startswith("#"):
        return None
    extras = frozenset(e.strip() for e in (found[2] or "").split(",") if e.strip())
    of = _EXTRA.search(found[3] or "")
    return re.sub(r"[-_.]+", "-", found[1]).lower(), extras, of[1] if of else None
