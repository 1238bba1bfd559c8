"""The device profiles that come with the program."""

from collections.abc import Mapping
from pathlib import Path

from gateway.settings.profiles import LoadedProfile, load_profiles
from gateway.starter.sample import Guess, Sample

ROOT = Path(__file__).parents[2]
FOLDER = next(
    (one for one in (ROOT / "gateway" / "_builtin" / "profiles", ROOT / "config" / "profiles") if one.is_dir()), ROOT
)


def library() -> Mapping[str, LoadedProfile]:
    """By id; without those of the demo and of imports."""
    found, _ = load_profiles(FOLDER)
    return {name: one for name, one in found.items() if not name.endswith(("_demo", "_import"))}


def matches(sample: Sample, profile: LoadedProfile) -> dict[str, Guess]:
    """Points of a profile -> the place of the sample that fills each, by name and kind."""
    free = {guess.name: guess for guess in sample.points}
    found: dict[str, Guess] = {}
    for spec in profile.profile.points:
        for name in (spec.name, spec.name.rpartition("_")[2]):
            guess = free.get(name)
            if guess is not None and (guess.kind is spec.kind or "state" not in (guess.kind, spec.kind)):
                found[spec.name] = free.pop(name)
                break
    return found


def fitting(sample: Sample, profiles: Mapping[str, LoadedProfile]) -> str:
    """The profile that has every point of the sample, the one with the fewest others; "" = none."""
    whole = [
        (len(one.profile.points), name)
        for name, one in profiles.items()
        if len(sample.points) > 1 and len(matches(sample, one)) == len(sample.points)
    ]
    return min(whole, default=(0, ""))[1]
