"""Device profiles of the program."""

from collections.abc import Mapping
from pathlib import Path

from gateway.domain.units import parse_unit
from gateway.settings.profiles import LoadedProfile, load_profiles
from gateway.starter.sample import ProposedPoint, Sample

ROOT = Path(__file__).parents[2]
FOLDER = next(
    (one for one in (ROOT / "gateway" / "_builtin" / "profiles", ROOT / "config" / "profiles") if one.is_dir()), ROOT
)


def library(*, demo: bool = False, devices: bool = False) -> Mapping[str, LoadedProfile]:
    """Profiles by id; without those of imports; those of the demo and of real devices (in sub-folders) on request."""
    found, _ = load_profiles(FOLDER)
    left_out = ("_import",) if demo else ("_demo", "_import")
    return {
        name: one
        for name, one in found.items()
        if not name.endswith(left_out) and (devices or Path(one.file).parent == FOLDER)
    }


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
