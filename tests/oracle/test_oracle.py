"""2,000 random cases against the reference written from RULES.md, split over the workers; the same ones every time."""

import pytest
from oracle.check import check
from oracle.generate.scenes import DEVICES, EXCLUDED, KINDS, generate

PARTS = 8
CASES = 2_000
SCENES = [(kind, seed) for seed in range(CASES) for kind in KINDS][: CASES // DEVICES + 10]
"""A scene of a group is one case, all others are `DEVICES`."""


@pytest.mark.parametrize("part", range(PARTS))
def test_product_and_reference_agree(part: int) -> None:
    """A failure names kind and seed: `make fuzz-rules` with them writes the case as a file."""
    found = [
        f"{kind} seed {seed}, device {one.device} ({one.what})\n  got  {one.got}\n  want {one.want}"
        for kind, seed in SCENES[part::PARTS]
        for one in check(generate(kind, seed))
    ]
    assert not found, "\n".join(found[:5])


def test_there_are_so_many_cases() -> None:
    assert sum(generate(kind, seed).cases for kind, seed in SCENES) >= CASES


def test_no_kind_is_left_out_without_a_reason() -> None:
    assert all(len(reason) > 20 for reason in EXCLUDED.values())
