"""2,000 random cases against the reference written from RULES.md, split over the workers; the same ones every time."""

import pytest
from oracle.check import check
from oracle.compare import covered
from oracle.generate.scenes import EXCLUDED, KINDS, generate
from oracle.scene import Episode

PARTS = 8
CASES = 2_000
FOUND = (
    ("quorum/late", 77),
    ("peers/late", 9),
    ("components/buffered", 452012),
    ("components/buffered", 452133),
    ("components/buffered", 453267),
    ("components/buffered", 453290),
    ("peers/down", 452137),
    ("peers/buffered", 520009),
    ("peers/buffered", 520026),
    ("silent/late", 710048),
)
"""Scenes in which the fuzzer found the product wrong, that are not among the first ones."""


def _scenes() -> list[tuple[str, int]]:
    """As many as make `CASES`, of every kind in turn: a scene of groups has few, all others `DEVICES`."""
    found, count = [], 0
    for seed, kind in ((seed, kind) for seed in range(CASES) for kind in KINDS):
        if count >= CASES:
            break
        found.append((kind, seed))
        count += generate(kind, seed).cases
    return found


SCENES = _scenes()


@pytest.mark.parametrize("part", range(PARTS))
def test_product_and_reference_agree(part: int) -> None:
    """A failure names kind and seed: `make fuzz-rules` with them writes the case as a file."""
    found = [
        f"{kind} seed {seed}, device {one.device} ({one.what})\n  got  {one.got}\n  want {one.want}"
        for kind, seed in SCENES[part::PARTS]
        for one in check(generate(kind, seed))
    ]
    assert not found, "\n".join(found[:5])


@pytest.mark.parametrize(("kind", "seed"), FOUND)
def test_what_was_found_stays_mended(kind: str, seed: int) -> None:
    assert not check(generate(kind, seed))


def test_there_are_so_many_cases() -> None:
    assert sum(generate(kind, seed).cases for kind, seed in SCENES) >= CASES


def test_no_kind_is_left_out_without_a_reason() -> None:
    assert all(len(reason) > 20 for reason in EXCLUDED.values())


@pytest.mark.parametrize(
    ("told", "end", "same"),
    [
        ([(0, 10)], 10, True),  # known by an earlier raise
        ([(5, 8), (8, 10)], 10, True),  # ended too early, and raised once more
        ([(0, 12)], 10, False),
        ([(5, 10), (12, None)], 10, False),
        ([(5, 8)], 10, False),
    ],
)
def test_what_may_be_told_of_an_episode_in_the_past(told: list[tuple[int, int | None]], end: int, same: bool) -> None:
    """An alarm from 3 to `end`."""
    found = [Episode(((begin, "minor"),), until) for begin, until in told]
    assert covered(found, [Episode(((3, "minor"),), end)]) is same
