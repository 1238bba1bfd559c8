"""Check that the five packages come from one place.

Other distributions use the same top-level names (PyPI has a `rules`), and installing one overwrites files without a
warning. So the start checks the folder of each package.
"""

from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("gateway", "protocols", "rules", "sinks", "simulators")


def places() -> dict[str, Path]:
    """Package -> its folder."""
    found: dict[str, Path] = {}
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            found[name] = Path(spec.origin).resolve().parents[1]
    return found


def misplaced() -> dict[str, str]:
    """Packages that are missing or not beside `gateway`; empty = correct."""
    found = places()
    home = found["gateway"]
    return {name: str(found.get(name, "missing")) for name in PACKAGES if found.get(name) != home}
