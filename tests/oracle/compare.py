"""The product's transitions against the reference's: every one of them, or what stands in the end."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from oracle.known import unexplained
from oracle.scene import LEVELS, SECOND, Episode, Said, SceneDef

from gateway.domain.alarm import Change, Transition

FOREVER = 1 << 62
REMEMBERED = 32
"""Episodes of an alarm that are corrected."""
MOVED = "moved"
"""Not a mismatch: an episode stands with another begin or end than it had. Counted on its own."""


@dataclass(frozen=True)
class Mismatch:
    """One device for which both sides differ. `got`, `want` are for people to read."""

    what: str
    device: int
    got: str
    want: str


def compare(scene: SceneDef, number: int, got: Sequence[Transition], want: Sequence[Said]) -> Mismatch | None:
    """None = the same."""
    if scene.mode == "exact":
        counts = scene.rule.form in {"every", "due"}
        mine = at_once(
            [
                (one.at - scene.start, _word(one.change.value, one.count, counts=counts), one.level.word, one.identity)
                for one in got
            ]
        )
        theirs = at_once([(one.at, _word(one.what, one.count, counts=counts), one.level, one.identity) for one in want])
        if mine == theirs:
            return None
        return Mismatch("transitions", number, lines(mine), lines(theirs))
    found, strange = fold(scene.start, got)
    right, _ = fold_said(want)
    if found == right and not strange:
        return None
    if scene.mode == "waited":  # all is exact, but what stands around a down-time
        away = [[one for one in some if around(scene, one)] for some in (found, right)]
        same = [one for one in found if not around(scene, one)] == [one for one in right if not around(scene, one)]
    else:
        away, same = [found, right], scene.mode == "covered"
    if same and covered(*away) and not strange:
        strange = "raise" if unexplained(scene, number, odd_raises(scene, found, right, got)) else MOVED
    return Mismatch(strange or "episodes", number, episodes(found), episodes(right))


def _word(what: str, count: int, *, counts: bool) -> str:
    """A raise of multiples says how many."""
    return f"raised x{count}" if counts and what == "raised" else what


def covered(found: Sequence[Episode], right: Sequence[Episode]) -> bool:
    """The state in the end is the same; every episode that was is told, and nothing is told that never was.

    An alarm keeps the raise by which people know it, stays on through a pause that comes to light, and one that was
    ended too early is raised once more (docs/decisions/009, 041). Everything else is exact: of what hangs together the
    end, and the level of what is on; what else ended did so within an episode that was. Of more episodes than are
    remembered only the open ones have to be right.
    """
    if max(len(found), len(right)) > REMEMBERED:
        on = [[(one.identity, one.levels[-1][1]) for one in some if one.end is None] for some in (found, right)]
        return on[0] == on[1] and all(mine and theirs for mine, theirs in together(found, right))
    for mine, theirs in together(found, right):
        if not mine or not theirs or not ends_alike(mine, theirs):
            return False
        ends = {end_of(one) for one in theirs}
        inside = [one for one in mine if end_of(one) not in ends]
        if not all(any(other.begin < end_of(one) < end_of(other) for other in theirs) for one in inside):
            return False
    return True


def together(found: Sequence[Episode], right: Sequence[Episode]) -> Iterator[tuple[list[Episode], list[Episode]]]:
    """Episodes of both sides that hang together: each shares a moment with another one."""
    for identity in sorted({one.identity for one in (*found, *right)}):
        both = [(one, side) for side, some in enumerate((found, right)) for one in some if one.identity == identity]
        group: tuple[list[Episode], list[Episode]] = ([], [])
        until = -1
        for one, side in sorted(both, key=lambda pair: (pair[0].begin, end_of(pair[0]))):
            if one.begin > until and until >= 0:
                yield group
                group = ([], [])
            group[side].append(one)
            until = max(until, end_of(one))
        yield group


def end_of(one: Episode) -> int:
    """Its end, or never."""
    return FOREVER if one.end is None else one.end


def ends_alike(mine: Sequence[Episode], theirs: Sequence[Episode]) -> bool:
    """Is the last end the same, and the level of what is on? A level that was told of what is over stays."""
    last = [max(some, key=end_of) for some in (mine, theirs)]
    levels = {one.levels[-1][1] for one in last}
    return end_of(last[0]) == end_of(last[1]) and (last[0].end is not None or len(levels) == 1)


def odd_raises(
    scene: SceneDef, found: Sequence[Episode], right: Sequence[Episode], got: Sequence[Transition]
) -> set[int]:
    """Raises that stand, are in none of the true episodes, and at no moment at which an alarm was told to end."""
    ends = {one.at - scene.start for one in got if one.change is Change.CLEARED}
    begins = {one.begin for one in found} - ends
    return {at for at in begins if not any(one.begin <= at < end_of(one) for one in right)}


def around(scene: SceneDef, one: Episode) -> bool:
    """Was it on in a down-time, or in the three intervals after it in which members are waited for (064)?"""
    wait = 3 * max(point.every for point in scene.rule.points.values()) + 2 * SECOND
    return any(one.begin <= at + length + wait and end_of(one) >= at - SECOND for at, length in scene.restarts)


Row = tuple[int, str, str, tuple[str, ...]]


def at_once(rows: Sequence[Row]) -> list[Row]:
    """Changes of level at one instant are one change: what counts is before and after."""
    out: list[Row] = []
    for row in rows:
        last = out[-1] if out else None
        if last is not None and (last[0], last[3]) == (row[0], row[3]) and row[1].startswith("level"):
            before = _before(out)
            out.pop()
            if before != row[2]:
                up = not before or LEVELS.index(row[2]) > LEVELS.index(before)
                what = "raised" if not before else "level_up" if up else "level_down"
                out.append((row[0], what, row[2], row[3]))
            continue
        if last is not None and row[1] == "withdrawn" and last == (row[0], last[1], row[2], row[3]):
            out.pop()  # its end would be at its raise: it never was
            continue
        out.append(row)
    return out


def _before(rows: Sequence[Row]) -> str:
    """The level before the last row; "" = the alarm was off."""
    if rows[-1][1] == "raised" or len(rows) < 2:
        return ""
    return rows[-2][2]


def fold(start: int, got: Iterable[Transition]) -> tuple[list[Episode], str]:
    """What stands: withdrawn ones are gone, late ones have joined. The text names what cannot be folded."""
    open_: list[Episode] = []
    done: list[Episode] = []
    strange = ""
    records: list[Episode] = []
    for one in got:
        at, level = one.at - start, one.level.word
        if one.change is Change.RAISED:
            open_.append(Episode(((at, level),), None, one.identity))
            records += [open_[-1]] if one.episode else []
            continue
        chosen = meant(one, open_ if one.episode else [some for some in open_ if some not in records], done, start)
        if chosen is None:
            strange = f"{one.change.value} without an alarm"
            continue
        (open_ if chosen in open_ else done).remove(chosen)
        if one.change is Change.CLEARED:
            done.append(Episode(chosen.levels, at, chosen.identity))
        elif one.change is not Change.WITHDRAWN:
            open_.append(Episode(with_level(chosen.levels, at, level), None, chosen.identity))
    return sorted([*open_, *done], key=lambda one: (one.begin, one.identity)), strange


def meant(one: Transition, open_: Sequence[Episode], done: Sequence[Episode], start: int) -> Episode | None:
    """The episode a change is about: `episode` names it by its raise; else the open one that began last before it."""
    if one.episode:
        named = [some for some in (*open_, *done) if (some.identity, some.begin) == (one.identity, one.episode - start)]
        return named[-1] if named else None
    mine = [episode for episode in open_ if episode.identity == one.identity]
    earlier = [episode for episode in mine if episode.begin < one.at - start] or mine
    return max(earlier, key=lambda episode: episode.begin, default=None)


def with_level(levels: tuple[tuple[int, str], ...], at: int, level: str) -> tuple[tuple[int, str], ...]:
    """Changes at one instant are one; the same level as before is none."""
    before = levels[:-1] if levels[-1][0] == at else levels
    return before if before and before[-1][1] == level else (*before, (at, level))


def fold_said(want: Iterable[Said]) -> tuple[list[Episode], str]:
    """The same of the reference, which withdraws nothing."""
    open_: dict[tuple[str, ...], Episode] = {}
    done: list[Episode] = []
    for one in want:
        if one.what == "raised":
            open_[one.identity] = Episode(((one.at, one.level),), None, one.identity)
        elif one.what == "cleared":
            last = open_.pop(one.identity)
            done.append(Episode(last.levels, one.at, one.identity))
        else:
            last = open_[one.identity]
            open_[one.identity] = Episode(with_level(last.levels, one.at, one.level), None, one.identity)
    return sorted([*open_.values(), *done], key=lambda one: (one.begin, one.identity)), ""


def seconds(us: int | None) -> str:
    """12.5s, or open."""
    return "open" if us is None else f"{us / 1e6:g}s"


def lines(rows: Sequence[Row]) -> str:
    """One line for people."""
    return ", ".join(f"{what} {level}@{seconds(at)}" for at, what, level, _ in rows) or "nothing"


def episodes(found: Sequence[Episode]) -> str:
    """One line for people."""
    return (
        "; ".join(
            " ".join(f"{level}@{seconds(at)}" for at, level in one.levels) + f" until {seconds(one.end)}"
            for one in found
        )
        or "nothing"
    )
