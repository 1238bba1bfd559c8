"""Device profiles of the program."""

from collections.abc import Mapping
from pathlib import Path

from gateway.domain.units import parse_unit
from gateway.settings.profiles import LoadedProfile, load_profile
from gateway.settings.yaml_document import yaml_files
from gateway.starter.sample import ProposedPoint, Sample

ROOT = Path(__file__).parents[2]
FOLDER = next(
    (one for one in (ROOT / "gateway" / "_builtin" / "profiles", ROOT / "config" / "profiles") if one.is_dir()), ROOT
)


def library(*, demo: bool = False, devices: bool = False) -> Mapping[str, LoadedProfile]:
    """Profiles by id; without those of imports; those of the demo and of real devices (in sub-folders) on request."""
    files = yaml_files(FOLDER) if devices else sorted(FOLDER.glob("*.yaml"))
    left_out = ("_import",) if demo else ("_demo", "_import")
    found = (load_profile(path)[0] for path in files if not path.stem.endswith(left_out))
    return {one.profile.id: one for one in found if one is not None}


def device_profile(name: str) -> LoadedProfile | None:
    """The profile of a real device by its id, which is the name of its file; None = there is none."""
    path = device_files().get(name)
    return None if path is None else load_profile(path)[0]


def device_files() -> Mapping[str, Path]:
    """Files of the profiles of real devices, by id."""
    return {path.stem: path for path in yaml_files(FOLDER) if path.parent != FOLDER}


def matches(sample: Sample, profile: LoadedProfile) -> dict[str, ProposedPoint]:
    """Points of a profile -> the place of the sample with the same name and kind."""
    free = {proposed.name: proposed for proposed in reversed(sample.points)}
    found: dict[str, ProposedPoint] = {}
    for spec in profile.profile.points:
        for name in (spec.name, spec.name.rpartition("_")[2]):
            proposed = free.get(name)
            if proposed is not None and (proposed.kind is spec.kind or "state" not in (proposed.kind, spec.kind)):
                found[spec.name] = free.pop(name)
                break
    return found


def _fits_sample(found: Mapping[str, ProposedPoint], profile: LoadedProfile) -> bool:
    """True if all numbers are within the profile's units and limits."""
    for name, proposed in found.items():
        spec = profile.profile.point(name)
        if spec is None or isinstance(proposed.value, str | bool):
            continue
        unit = parse_unit(proposed.unit if proposed.unit_named else profile.declared.get(name, ""))
        low, high = spec.plausible.min, spec.plausible.max
        value = unit.canonical(proposed.value)
        if unit.dimension != parse_unit(spec.unit).dimension:
            return False
        if (low is not None and value < low) or (high is not None and value > high):
            return False
    return True


def fitting(sample: Sample, profiles: Mapping[str, LoadedProfile]) -> str:
    """The profile that has every point of the sample and the fewest others; "" = none."""
    names = {proposed.name for proposed in sample.points}
    whole = [
        (len(one.profile.points), name)
        for name, one in profiles.items()
        if len(found := matches(sample, one)) == len(names) > 1
        and (len(names) > 2 or found.keys() == names)  # two common words occur in many messages
        and _fits_sample(found, one)
    ]
    return min(whole, default=(0, ""))[1]
