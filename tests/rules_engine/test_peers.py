"""Own value against the others: `peers` of `let` (RULES section 4)."""

import statistics

import numpy as np
import pytest
from engine_lab import T0, S, bytes_of
from groups_lab import GroupLab, group_rule, says, sensor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from past_lab import told_of
from test_groups_late_and_warm_up import Groups
from test_groups_votes import gun, pile

from gateway.domain.alarm import Thing
from gateway.domain.device import Life
from rules.compiled import Aggregate, Rule
from rules.engine.peers.peer_values import others

NAN = float("nan")
PILES = "{kind: pile, each: connector}"


def hotter(what: str = "median", more: str = "", watch: str = PILES, point: str = "gun_temp", by: str = "site") -> Rule:
    unit = {"gun_temp": "degC", "pressure": "kPa"}[point]
    return group_rule(
        f'  let: {{others: {{peers: {{{what}: {point}, of: {by}{more}}}}}}}\n  when: "{point} > others + 15 {unit}"',
        watch,
    )


def changes(lab: GroupLab) -> list[tuple[str, int, int, float]]:
    return [(one.change.value, one.thing.device, one.thing.component, (one.at - T0) / S) for one in lab.got]


def test_hotter_than_the_others_and_when_they_follow() -> None:
    lab = GroupLab([hotter()], [pile(1), pile(2, components=1)])
    lab.tell(gun(1, 1, 0, 41), gun(1, 2, 1, 30), gun(2, 1, 2, 20))
    assert changes(lab) == [("raised", 1, 1, 2)], "the reading of a peer made the others cooler: (30 + 20) / 2"
    assert lab.got[0].evidence.signals[0].value == 25.0
    assert lab.got[0].evidence.signals[0].coverage == 1.0
    lab.tell(gun(2, 1, 30, 50))
    assert changes(lab)[1:] == [("cleared", 1, 1, 30)]
    lab.same_everywhere()


def test_the_value_is_as_of_the_moment_not_of_the_batch() -> None:
    lab = GroupLab([hotter()], [pile(1, components=1), pile(2, components=1)])
    lab.tell(gun(1, 1, 0, 20), gun(2, 1, 0, 20), gun(1, 1, 10, 40), gun(2, 1, 20, 40), gun(1, 1, 30, 45))
    assert changes(lab) == [("raised", 1, 1, 10), ("cleared", 1, 1, 20)]
    lab.same_everywhere()


def test_one_alone_and_one_without_the_attribute_know_nothing() -> None:
    lab = GroupLab([hotter()], [pile(1, components=1), pile(2, "", components=1), pile(3, "s2", components=1)])
    lab.tell(gun(1, 1, 0, 90), gun(2, 1, 0, 10), gun(3, 1, 0, 10))
    assert lab.got == []


def test_coverage_and_unknown_others() -> None:
    for more, raised in (("", True), (", coverage: 0.5", True), (", coverage: 0.9", False)):
        lab = GroupLab([hotter(more=more)], [pile(number, components=1) for number in (1, 2, 3)])
        lab.tell(gun(2, 1, 0, 20), gun(3, 1, 0, NAN), gun(1, 1, 5, 60))
        assert bool(lab.got) is raised, more


def test_who_joins_leaves_and_moves_changes_the_others() -> None:
    lab = GroupLab([hotter()], [pile(1, components=1), pile(2, components=1), pile(3, "s2", components=1)])
    lab.tell(gun(1, 1, 0, 40), gun(2, 1, 0, 30), gun(3, 1, 0, 10))
    assert lab.got == []
    lab.change(pile(3, "s1", components=1), 10)
    assert changes(lab) == [("raised", 1, 1, 10), ("raised", 2, 1, 10)] or changes(lab) == [("raised", 1, 1, 10)]
    lab.change(pile(3, "s1", components=1, life=Life.RETIRED), 20)
    assert changes(lab)[-1] == ("cleared", 1, 1, 20)
    lab.same_everywhere()


def test_a_new_rule_begins_with_what_is_there() -> None:
    lab = GroupLab([], [pile(1, components=1), pile(2, components=1)])
    lab.tell(gun(1, 1, 0, 60), gun(2, 1, 0, 30))
    lab.install(hotter(), 10)
    assert changes(lab) == [("raised", 1, 1, 10)]
    lab.same_everywhere()


def test_mean_least_and_most_of_devices() -> None:
    for what, at in (("mean", 20), ("min", 10), ("max", 30)):
        rule = hotter(what, watch="{kind: sensor}", point="pressure", by="area")
        from gateway.domain.device import Site

        sites = [Site("s1", area="n"), Site("s2", area="n")]
        lab = GroupLab([rule], [sensor(1), sensor(2, "s2"), sensor(3, "s2")], sites)
        lab.tell(says(2, 0, 10.0), says(3, 0, 30.0))
        lab.tell(says(1, 5, 20.0), says(1, 10, 26.0), says(1, 20, 36.0), says(1, 30, 46.0))
        assert [one for one in changes(lab) if one[1] == 1] == [("raised", 1, 0, at)], what
        lab.same_everywhere()


def test_a_hold_and_a_streak_are_judged_at_the_moments_of_others() -> None:
    body = (
        "  let: {others: {peers: {max: gun_temp, of: site}}}\n"
        '  when: "gun_temp > others + 15 degC"\n  hold: {for: 30s, gap: 5m}'
    )
    lab = GroupLab([group_rule(body, PILES)], [pile(1, components=1), pile(2, components=1)])
    lab.tell(gun(1, 1, 0, 60), gun(2, 1, 0, 20), gun(2, 1, 20, 50), gun(2, 1, 40, 20))
    lab.tick(100)
    assert changes(lab) == [("raised", 1, 1, 70)]
    lab.same_everywhere()


def test_a_late_reading_of_another_puts_right_what_was_decided() -> None:
    gateway = Groups([hotter("max")], [pile(1, components=1), pile(2, components=1)])
    gateway.tell(gun(1, 1, 0, 20), gun(2, 1, 0, 20))
    gateway.tell(gun(1, 1, 20, 40))
    gateway.tell(gun(2, 1, 60, 20))
    assert told_of(gateway.got) == [("raised", 20, False)]
    gateway.tell(gun(2, 1, 10, 39, received=70))
    assert gateway.engine.counts.reruns == 2
    new = [(one.thing.device, one.change.value, (one.at - T0) / S, one.late) for one in gateway.got[1:]]
    assert new == [(2, "raised", 10, True), (2, "cleared", 20, True)], "the other is on: since 60 s"
    gateway.tell(gun(2, 1, 80, 20))
    gateway.check_replay()


def test_a_late_reading_of_ones_own_meets_the_others_of_its_time() -> None:
    gateway = Groups([hotter("max")], [pile(1, components=1), pile(2, components=1)])
    gateway.tell(gun(1, 1, 0, 20), gun(2, 1, 0, 20))
    gateway.tell(gun(2, 1, 30, 60))
    gateway.tell(gun(1, 1, 60, 20))
    new = gateway.tell(gun(1, 1, 15, 40, received=70))
    late = [(one.change.value, (one.at - T0) / S, one.late) for one in new if one.thing == Thing(1, 1)]
    assert late == [("raised", 15, True), ("cleared", 30, True)]
    gateway.check_replay()


@given(
    st.lists(st.lists(st.sampled_from((1.0, 2.0, 5.0, 0.1, NAN)), min_size=4, max_size=4), min_size=1, max_size=5),
    st.sampled_from((Aggregate.MEAN, Aggregate.MIN, Aggregate.MAX, Aggregate.PERCENTILE)),
    st.sampled_from((0.0, 0.6)),
)
def test_others_are_all_but_one(rows: list[list[float]], what: Aggregate, coverage: float) -> None:
    plain = {
        Aggregate.MEAN: statistics.fmean,
        Aggregate.MIN: min,
        Aggregate.MAX: max,
        Aggregate.PERCENTILE: statistics.median,
    }
    found = others(what, np.array(rows), coverage)
    for values, got in zip(rows, found.tolist(), strict=True):
        for k in range(4):
            known = [value for i, value in enumerate(values) if i != k and value == value]
            want = plain[what](known) if known and len(known) >= coverage * 3 else NAN
            assert got[k] == pytest.approx(want, nan_ok=True)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from((1, 5, 20)),
            st.integers(1, 3),
            st.integers(1, 2),
            st.sampled_from((20.0, 30.0, 40.0, 60.0, NAN)),
        ),
        min_size=1,
        max_size=25,
    ),
    st.sampled_from(("mean", "median", "min", "max")),
    st.data(),
)
def test_however_batches_are_cut(script: list[tuple[int, int, int, float]], what: str, data: st.DataObject) -> None:
    cut = GroupLab([hotter(what)], [pile(number) for number in (1, 2, 3)])
    whole = GroupLab([hotter(what)], [pile(number) for number in (1, 2, 3)])
    now, batch, everything, newest = 0, [], [], {}
    expected, on = [], set()
    for step, device, component, value in script:
        now += step
        batch.append(gun(device, component, now, value))
        everything.append(batch[-1])
        if data.draw(st.booleans()):
            cut.tell(*batch)
            batch = []
        newest[device, component] = value
        for place, own in sorted(newest.items()):
            known = [other for key, other in newest.items() if key != place and other == other]
            plain = {"mean": statistics.fmean, "median": statistics.median, "min": min, "max": max}[what]
            if own != own or not known:
                continue
            above = own > plain(known) + 15
            if above != (place in on):
                (on.add if above else on.discard)(place)
                expected.append(("raised" if above else "cleared", *place, float(now)))
    if batch:
        cut.tell(*batch)
    whole.tell(*everything)
    assert sorted(changes(cut), key=lambda one: (one[3], one)) == sorted(expected, key=lambda one: (one[3], one))
    assert sorted(changes(whole), key=lambda one: (one[3], one)) == sorted(expected, key=lambda one: (one[3], one))
    whole.same_everywhere(restarts=[])
    cut.same_everywhere(restarts=[data.draw(st.integers(1, len(cut.records)))])
    assert bytes_of(cut.got) is not None
