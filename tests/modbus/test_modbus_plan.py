"""Planned requests: every register once, never too many, never a forbidden one; and learning comes to an end."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.modbus.learned_limits import from_json, to_json
from protocols.modbus.plan import (
    MOST_GAP,
    NOTHING,
    Learned,
    RegisterSpan,
    RequestBlock,
    RequestLimits,
    learn,
    lessons,
    plan,
)
from protocols.modbus.profile import ModbusMap
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.timing import LinkTiming

H = RegisterTable.HOLDING
MAP = ModbusMap.model_validate({"points": {"x": {"at": 0}}})


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[RegisterSpan], RequestLimits]:
    limits = RequestLimits(
        draw(st.integers(4, 40)),
        draw(st.integers(0, 10)),
        tuple((low, low + draw(st.integers(0, 4))) for low in draw(st.lists(st.integers(0, 120), max_size=3))),
        draw(st.sampled_from(["block", "single"])),
        draw(st.integers(4, 80)),
        draw(st.integers(0, 20)),
    )
    spans = [
        RegisterSpan(
            draw(st.sampled_from(RegisterTable)),
            draw(st.integers(0, 120)),
            draw(st.integers(1, 4)),
            draw(st.integers(-1, 1)),
        )
        for _ in range(draw(st.integers(1, 25)))
    ]
    allowed = [s for s in spans if not any(low < s.end and s.address <= high for low, high in limits.forbid)]
    return allowed or [RegisterSpan(H, 200, 1)], limits


def _sound(blocks: tuple[RequestBlock, ...], spans: list[RegisterSpan], limits: RequestLimits) -> None:
    assert sorted(index for block in blocks for index in block.members) == list(range(len(spans)))
    for block in blocks:
        members = [spans[index] for index in block.members]
        assert all(m.area == block.area and block.address <= m.address and m.end <= block.end for m in members)
        assert block.address == min(m.address for m in members)
        assert block.end == max(m.end for m in members)
        assert block.count <= limits.most(block.table)
        assert not any(low < block.end and block.address <= high for low, high in limits.forbid)
        covered = {address for m in members for address in range(m.address, m.end)}
        run = 0
        for address in range(block.address, block.end):
            run = 0 if address in covered else run + 1
            assert run <= limits.gap(block.table)


@given(scenes())
def test_every_register_in_exactly_one_request(scene: tuple[list[RegisterSpan], RequestLimits]) -> None:
    spans, limits = scene
    blocks = plan(spans, limits)
    _sound(blocks, spans, limits)
    assert plan(spans, limits) == blocks
    if limits.style == "single":
        assert all(len({spans[index] for index in block.members}) == 1 for block in blocks)


@given(scenes())
def test_neighbours_share_a_request(scene: tuple[list[RegisterSpan], RequestLimits]) -> None:
    """Two blocks that follow each other could not be one."""
    spans, limits = scene
    blocks = plan(spans, limits)
    for one, two in pairwise(blocks):
        if one.area != two.area or limits.style == "single":
            continue
        first = spans[two.members[0]]
        together = max(one.end, first.end) - one.address
        crossed = any(low < max(one.end, first.end) and one.address <= high for low, high in limits.forbid)
        assert together > limits.most(one.table) or first.address - one.end > limits.gap(one.table) or crossed


def test_a_plan_by_hand() -> None:
    spans = [
        RegisterSpan(H, 10, 2),
        RegisterSpan(H, 12, 2),
        RegisterSpan(H, 20, 1),
        RegisterSpan(H, 30, 1),
        RegisterSpan(H, 45, 2),
        RegisterSpan(RegisterTable.INPUT, 12, 1),
    ]
    blocks = plan(spans, RequestLimits(60, 8, ((40, 44),)))
    assert [(b.table, b.address, b.count, b.members) for b in blocks] == [
        (H, 10, 11, (0, 1, 2)),
        (H, 30, 1, (3,)),
        (H, 45, 2, (4,)),
        (RegisterTable.INPUT, 12, 1, (5,)),
    ]


@given(scenes(), st.data())
@settings(max_examples=100)
def test_learning_ends_with_everything_readable_read(
    scene: tuple[list[RegisterSpan], RequestLimits], data: st.DataObject
) -> None:
    """Against a device that lacks some registers and takes fewer at once than its manual says."""
    spans, limits = scene
    gone = data.draw(st.sets(st.integers(0, 124), max_size=6), label="registers it does not have")
    most = data.draw(st.integers(4, 40), label="registers it takes")
    code_for_many = data.draw(st.sampled_from([2, 3]), label="how it says too many")
    learned, requested = NOTHING, 0
    read: set[int] = set()
    refused: set[RegisterSpan] = set()
    progress = True
    while progress:
        progress = False
        for block in plan(spans, limits, learned):
            if block.key in refused or read.issuperset(block.members):
                continue
            requested += 1
            assert requested < 1000
            code = code_for_many if block.count > most else 2 if gone & set(range(block.address, block.end)) else 0
            if not code:
                read.update(block.members)
                learned = replace(learned, holes=learned.holes - {block.key})
                continue
            if block.key in learned.holes:
                refused.add(block.key)
                continue
            after = learn(learned, block, spans, code)
            assert after != learned
            assert lessons(learned, after)
            learned, progress = after, True
            _sound(plan(spans, limits, learned), spans, limits)
            if block.key in learned.holes:
                refused.add(block.key)
            break
    for index, span in enumerate(spans):
        if not gone & set(range(span.address, span.end)):
            assert index in read or (span in refused and span.count > most), span


def test_a_hole_is_found_and_the_rest_is_read_together() -> None:
    spans = [RegisterSpan(H, address, 1) for address in range(20)]
    limits, learned = RequestLimits(60, 8), NOTHING
    for _ in range(20):
        bad = next((b for b in plan(spans, limits, learned) if b.address <= 7 < b.end and b.count > 1), None)
        if bad is None:
            break
        learned = learn(learned, bad, spans, 2)
    learned = learn(learned, RequestBlock(H, 7, 1, (7,)), spans, 2)
    assert learned == Learned(holes=frozenset({RegisterSpan(H, 7, 1)}))
    assert [(b.address, b.count) for b in plan(spans, limits, learned)] == [(0, 7), (7, 1), (8, 12)]


def test_the_widest_gap_is_suspected_first() -> None:
    spans = [RegisterSpan(H, 0, 1), RegisterSpan(H, 1, 1), RegisterSpan(H, 7, 1), RegisterSpan(H, 8, 1)]
    learned = learn(NOTHING, plan(spans, RequestLimits())[0], spans, 2)
    assert [(b.address, b.count) for b in plan(spans, RequestLimits(), learned)] == [(0, 2), (7, 2)]
    assert lessons(NOTHING, learned) == ["refuses one request for holding registers on both sides of 7"]


def test_too_many_registers_teach_a_cap() -> None:
    spans = [RegisterSpan(H, address, 2) for address in range(0, 40, 2)]
    learned = learn(NOTHING, plan(spans, RequestLimits())[0], spans, 3)
    assert learned == Learned(caps=frozenset({((0, H), 20)}))
    assert [b.count for b in plan(spans, RequestLimits(), learned)] == [20, 20]
    assert lessons(NOTHING, learned) == ["takes at most 20 holding registers in one request"]


def test_a_request_for_bits_has_a_limit_of_its_own() -> None:
    spans = [RegisterSpan(table, address, 1) for table in RegisterTable for address in range(2400)]
    counts: dict[RegisterTable, list[int]] = {}
    for block in plan(spans, RequestLimits()):
        counts.setdefault(block.table, []).append(block.count)
    assert counts[RegisterTable.COIL] == counts[RegisterTable.DISCRETE] == [2000, 400]
    assert counts[RegisterTable.HOLDING] == counts[RegisterTable.INPUT] == [60] * 40


def test_what_one_table_teaches_is_not_believed_of_another() -> None:
    spans = [RegisterSpan(table, address, 1) for table in (RegisterTable.DISCRETE, H) for address in range(40)]
    bits, registers = plan(spans, RequestLimits())
    learned = learn(learn(NOTHING, bits, spans, 3), registers, spans, 2)
    assert [(b.table, b.count) for b in plan(spans, RequestLimits(), learned)] == [
        (RegisterTable.DISCRETE, 20), (RegisterTable.DISCRETE, 20), (H, 20), (H, 20),
    ]  # fmt: skip
    assert lessons(NOTHING, learned) == [
        "takes at most 20 discrete inputs in one request",
        "refuses one request for holding registers on both sides of 20",
    ]
    again = learn(learned, plan(spans, RequestLimits(), learned)[0], spans, 3)
    assert again.caps == {((0, RegisterTable.DISCRETE), 10)}


@given(
    scenes(),
    st.integers(110, 1_000_000),
    st.integers(0, 200_000),
    st.one_of(st.none(), st.integers(0, 30)),
)
def test_a_gap_is_read_when_it_is_cheaper_than_a_request(
    scene: tuple[list[RegisterSpan], RequestLimits], baud: int, turnaround: int, most_gap: int | None
) -> None:
    """Cutting a request at any gap costs more on this line, joining two of them costs more or is not allowed."""
    spans, given_limits = scene
    timing = LinkTiming.serial(baud, turnaround)
    section = {"points": {"x": {"at": 0}}, "forbid": list(given_limits.forbid), "style": given_limits.style}
    section |= {"max_registers": given_limits.max_registers, "max_bits": given_limits.max_bits, "max_gap": most_gap}
    limits = RequestLimits.of(ModbusMap.model_validate(section), timing)
    blocks = plan(spans, limits)
    _sound(blocks, spans, limits)
    for block in blocks:
        members = sorted((spans[index] for index in block.members), key=lambda span: span.address)
        end = members[0].end
        for span in members[1:]:
            if span.address > end:
                first, rest = end - block.address, block.end - span.address
                apart = timing.cost(block.table, first) + timing.cost(block.table, rest)
                assert timing.cost(block.table, block.count) <= apart + 2 * timing.byte + 2  # bits fill bytes
            end = max(end, span.end)
    for one, two in pairwise(blocks):
        gap = two.address - one.end
        if one.area == two.area and limits.style == "block" and gap > 0 and most_gap is None:
            crossed = any(low < two.end and one.address <= high for low, high in limits.forbid)
            first = spans[two.members[0]]
            fits = max(one.end, first.end) - one.address <= limits.most(one.table)
            most = MOST_GAP * 16 if one.table.of_bits else MOST_GAP
            if fits and not crossed and gap <= most:
                assert timing.cost(one.table, gap) - timing.turnaround > timing.turnaround - 2 * timing.byte - 2


def test_what_a_gap_may_be() -> None:
    """9600 baud, 20 ms: another request is 48 ms, a register 2.1 ms. Over TCP bytes cost nothing."""
    slow = LinkTiming.serial(9600, 20_000)
    assert slow.cost(H, 10) == pytest.approx(20_000 + (7 + 20 + 20) * 10e6 / 9600, abs=1)
    assert slow.worthwhile_gap(H) == 23
    assert LinkTiming.serial(115_200, 2_000).worthwhile_gap(H) == 25
    spans = [RegisterSpan(H, address, 2) for address in (0, 20, 46, 73)]
    counts = {
        name: [block.count for block in plan(spans, RequestLimits.of(MAP, timing))]
        for name, timing in (("slow", slow), ("tcp", LinkTiming()))
    }
    assert counts == {"slow": [22, 2, 2], "tcp": [48, 2]}


@given(scenes(), st.data())
def test_no_request_is_longer_than_a_device_takes(
    scene: tuple[list[RegisterSpan], RequestLimits], data: st.DataObject
) -> None:
    """Limits of the device and limits learned, whichever is lower; a single value is never torn."""
    spans, limits = scene
    areas = sorted({span.area for span in spans})
    caps = {area: data.draw(st.integers(1, 50)) for area in areas}
    blocks = plan(spans, limits, Learned(caps=frozenset(caps.items())))
    assert sorted(index for block in blocks for index in block.members) == list(range(len(spans)))
    for block in blocks:
        longest = max(spans[index].count for index in block.members)
        assert block.count <= max(longest, min(caps[block.area], limits.most(block.table)))


@given(scenes(), st.data())
def test_what_was_learned_survives_its_file(
    scene: tuple[list[RegisterSpan], RequestLimits], data: st.DataObject
) -> None:
    spans, limits = scene
    learned = NOTHING
    for _ in range(data.draw(st.integers(0, 6))):
        block = data.draw(st.sampled_from(plan(spans, limits, learned)))
        learned = learn(learned, block, spans, data.draw(st.sampled_from([2, 3])))
    assert from_json(json.loads(json.dumps(to_json(learned)))) == learned
