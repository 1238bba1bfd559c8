"""The software bill of materials (CycloneDX 1.6, JSON) of what `requirements/run.txt` installs, and its licences.

    python .ci/sbom.py dist/fieldgate.cdx.json

Exit status 1, a line for each, when a licence is unknown or not on the list, or what is installed is not locked so.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from license_expression import get_spdx_licensing
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MPL-2.0", "PSF-2.0", "Unlicense",
    "Zlib",
}  # fmt: skip
"""May be in every installation. MPL-2.0 binds the files of the package alone, which we do not change."""
OPTIONAL = {"LGPL-2.1-only", "LGPL-2.1-or-later", "LGPL-3.0-only", "LGPL-3.0-or-later"}
"""May be an unmodified package of an optional extra, never of the core. GPL and AGPL: never."""
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
DECLARED = {"pysqlite3": "Zlib"}
"""Packages whose metadata name no licence, read in the LICENSE file of the source distribution."""

_SPDX = get_spdx_licensing()


@dataclass(frozen=True, slots=True)
class Locked:
    """A package of a lock: canonical name, version, sha256 of its files."""

    name: str
    version: str
    hashes: tuple[str, ...]


def locked(text: str) -> Iterator[Locked]:
    """The packages of a lock which this platform and Python install."""
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        line, *rest = block.replace("\\\n", "\n").splitlines() or [""]
        if not line.strip() or line.startswith("#"):
            continue
        wanted = Requirement(line.strip())
        if wanted.marker is not None and not wanted.marker.evaluate():
            continue
        version = next(iter(wanted.specifier)).version
        hashes = tuple(part.split("sha256:")[1].strip() for part in rest if "sha256:" in part)
        yield Locked(canonicalize_name(wanted.name), version, hashes)


def licence_of(name: str) -> str:
    """The SPDX expression a package declares; "" when it declares none. Raises PackageNotFoundError."""
    about = distribution(name).metadata
    if expression := about.get("License-Expression"):
        return str(expression)
    if name in DECLARED:
        return DECLARED[name]
    if (short := about.get("License") or "") and len(short) < 40 and not _SPDX.unknown_license_keys(short):
        return str(short)
    named = [line.split(" :: ")[-1] for line in about.get_all("Classifier") or () if line.startswith("License ::")]
    return " AND ".join(CLASSIFIERS.get(one, "") for one in named) if all(one in CLASSIFIERS for one in named) else ""


def allowed(expression: str, licences: set[str]) -> bool:
    """May we use it under this SPDX expression? `OR` leaves the choice to us, `AND` does not."""
    if not expression or _SPDX.unknown_license_keys(expression):
        return False

    def one(part: object) -> bool:
        if not (inner := getattr(part, "args", ())):
            return str(part) in licences  # a licence, or one with an exception
        chosen = [one(another) for another in inner]
        return any(chosen) if isinstance(part, _SPDX.OR) else all(chosen)

    return one(_SPDX.parse(expression))


def core(project: Path = ROOT / "pyproject.toml") -> set[str]:
    """The packages that every installation has: the dependencies without extras, and theirs."""
    waiting = tomllib.loads(project.read_text("utf-8"))["project"]["dependencies"]
    found: set[str] = set()
    while waiting:
        wanted = Requirement(waiting.pop())
        name = canonicalize_name(wanted.name)
        if name in found or (wanted.marker is not None and not wanted.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        waiting += distribution(name).requires or []
    return found


def problems(packages: list[Locked], needed: set[str]) -> Iterator[str]:
    """What is wrong with these packages, one line each."""
    for one in packages:
        try:
            installed, licence = distribution(one.name).version, licence_of(one.name)
        except PackageNotFoundError:
            yield f"{one.name}: locked as {one.version}, not installed"
            continue
        if installed != one.version:
            yield f"{one.name}: locked as {one.version}, installed is {installed}"
        if not licence:
            yield f"{one.name}: declares no licence this list knows; read its LICENSE file and add it to DECLARED"
        elif not allowed(licence, ALLOWED if one.name in needed else ALLOWED | OPTIONAL):
            yield f"{one.name}: {licence} is not allowed"


def bill(packages: list[Locked], needed: set[str]) -> Bom:
    """The CycloneDX document."""
    project, licences = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"], LicenseFactory()
    root = Component(
        name=project["name"],
        version=project["version"],
        type=ComponentType.APPLICATION,
        bom_ref=project["name"],
        licenses=[licences.make_from_string(project["license"])],
    )
    bom = Bom()
    bom.metadata.component = root
    parts = {
        one.name: Component(
            name=one.name,
            version=one.version,
            bom_ref=f"{one.name}@{one.version}",
            purl=PackageURL("pypi", name=one.name, version=one.version),
            scope=ComponentScope.REQUIRED if one.name in needed else ComponentScope.OPTIONAL,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=content) for content in one.hashes],
            licenses=[licences.make_from_string(licence_of(one.name))],
        )
        for one in packages
    }
    for part in parts.values():
        bom.components.add(part)
        wants = {canonicalize_name(Requirement(text).name) for text in distribution(part.name).requires or ()}
        bom.register_dependency(part, [parts[name] for name in sorted(wants & parts.keys())])
    direct = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    bom.register_dependency(root, [parts[name] for name in sorted(direct & parts.keys())])
    return bom


def main(out: Path) -> int:
    """Check, write."""
    packages, needed = list(locked((ROOT / "requirements" / "run.txt").read_text("utf-8"))), core()
    if found := list(problems(packages, needed)):
        print(*found, sep="\n", file=sys.stderr)
        return 1
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(JsonV1Dot6(bill(packages, needed)).output_as_string(indent=2) + "\n", "utf-8")
    print(f"{out}: {len(packages)} packages, {len({licence_of(one.name) for one in packages})} licences, all allowed")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
