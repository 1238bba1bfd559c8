"""One scene: both sides, compared."""

from oracle.compare import MOVED, Mismatch, compare
from oracle.product import answer
from oracle.reference.judge import judge
from oracle.scene import SceneDef


class Refused(Exception):
    """The product does not load what was generated: a mistake of the generator."""


def check(scene: SceneDef, *, replays: bool = True, moved: bool = False) -> list[Mismatch]:
    """Everything in which the product differs from the reference; with `moved` also what is no mismatch."""
    result = answer(scene, replays=replays)
    if result.problems:
        raise Refused("\n".join(result.problems))
    found = [compare(scene, number, got, judge(scene, number)) for number, got in enumerate(result.said)]
    out = [one for one in found if one is not None and (moved or one.what != MOVED)]
    if not result.replayed:
        out.append(Mismatch("replay", -1, "", ""))
    return out
