"""The five packages are one application: they must come from one place.

Their top-level names are not ours alone (PyPI has a `rules`), and installing such a package over ours overwrites files
without a word. So start-up checks where each of them lies.
"""

from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("gateway", "protocols", "rules", "sinks", "simulators")


def places() -> dict[str, Path]:
    """Package -> the folder it lies in."""
    found: dict[str, Path] = {}
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            found[name] = Path(spec.origin).resolve().parents[1]
    return found


def misplaced() -> dict[str, str]:
    """Packages that are missing or lie elsewhere than `gateway`; empty when all is well."""
    found = places()
    home = found["gateway"]
    return {name: str(found.get(name, "missing")) for name in PACKAGES if found.get(name) != home}
