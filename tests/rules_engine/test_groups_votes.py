"""Votes of members: per device or component, and how they lapse with time alone (RULES section 5, `members`)."""

from collections.abc import Iterable
from random import Random

from engine_lab import T0
from groups_lab import GroupLab, group_rule, says, seen, sensor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.device import Device, Life
from gateway.domain.reading import Reading
from rules.compiled import Quorum

NAN = float("nan")
HOT = 'of: "gun_temp > 60 degC"'
PILES = "{kind: pile, group: site}"


def pile(number: int, site: str = "s1", components: int = 2, **more: object) -> Device:
    return sensor(number, site, "pile", components=components, **more)


def gun(device: int, component: int, at: float, value: float = 70.0, received: float | None = None) -> Reading:
    return says(device, at, value, "gun_temp", component=component, received=received)


def lab_of(limits: str, devices: Iterable[Device], more: str = "", watch: str = PILES) -> GroupLab:
    return GroupLab([group_rule(f"  members: {{{HOT}, {limits}}}{more}", watch)], devices)


def test_a_device_with_both_guns_in_fault_votes_once() -> None:
    for watch in (PILES, "{kind: pile, group: site, each: connector}"):
        lab = lab_of("at_least: 2", [pile(1), pile(2), pile(3)], watch=watch)
        lab.tell(gun(1, 1, 0), gun(1, 2, 0))
        assert lab.got == []
        lab.tell(gun(2, 2, 10))
        assert seen(lab.got) == [("raised", "s1", 10)]
        lab.same_everywhere()


def test_per_component_each_gun_votes() -> None:
    lab = lab_of("at_least: 2, per: component", [pile(1), pile(2)])
    lab.tell(gun(1, 1, 0), gun(1, 2, 5))
    assert seen(lab.got) == [("raised", "s1", 5)]
    lab.same_everywhere()


def test_fraction_is_of_devices_or_of_components() -> None:
    for per, raised in (("device", True), ("component", False)):
        lab = lab_of(f"fraction: 0.5, per: {per}", [pile(1), pile(2)])
        lab.tell(gun(1, 1, 0), gun(1, 2, 0, 20.0), gun(2, 1, 0, 20.0), gun(2, 2, 0, 20.0))
        assert bool(lab.got) is raised, per


def test_a_device_is_unknown_while_no_gun_is_true_and_one_is_unknown() -> None:
    lab = lab_of("at_most: 0", [pile(1)])
    lab.tell(gun(1, 1, 0, 20.0))
    assert lab.got == []
    lab.tell(gun(1, 2, 10, 20.0))
    assert seen(lab.got) == [("raised", "s1", 10)]
    lab.tell(gun(1, 2, 20, NAN))
    assert len(lab.got) == 1
    lab.tell(gun(1, 1, 30))
    assert seen(lab.got)[1:] == [("cleared", "s1", 30)]
    lab.same_everywhere()


def test_three_faults_within_five_minutes() -> None:
    lab = lab_of("at_least: 3, began_within: 5m", [pile(number) for number in (1, 2, 3, 4)])
    lab.tell(gun(1, 1, 0))
    lab.tell(gun(2, 1, 120))
    lab.tell(gun(1, 1, 240), gun(3, 1, 300))
    assert lab.got == [], "the first began five minutes ago, whatever it said since"
    lab.tell(gun(4, 2, 310))
    assert seen(lab.got) == [("raised", "s1", 310)]
    lab.tick(500)
    assert seen(lab.got)[1:] == [("cleared", "s1", 420)], "the vote of 2 m is old at 7 m, with no traffic"
    lab.same_everywhere()


def test_a_lapse_comes_at_its_time_before_later_readings() -> None:
    lab = lab_of("at_least: 2, began_within: 1m", [pile(number, components=1) for number in (1, 2, 3)])
    lab.tell(gun(3, 1, 0, 20.0), gun(1, 1, 0), gun(2, 1, 10))
    lab.tell(gun(3, 1, 200, 20.0))
    assert seen(lab.got) == [("raised", "s1", 10), ("cleared", "s1", 60)]
    lab.same_everywhere()


def test_the_next_lapse_is_a_timer() -> None:
    lab = lab_of("at_least: 1, began_within: 90s", [pile(1)])
    lab.tell(gun(1, 1, 7))
    assert lab.engine is not None
    assert lab.engine.next_due() == T0 + 97_000_000
    lab.tick(97)
    assert seen(lab.got) == [("raised", "s1", 7), ("cleared", "s1", 97)]
    assert lab.engine.next_due() is None


def test_unknown_in_between_begins_no_new_vote() -> None:
    lab = lab_of("at_least: 1, began_within: 1m", [pile(1, components=1)])
    lab.tell(gun(1, 1, 0), gun(1, 1, 50, NAN), gun(1, 1, 70))
    assert seen(lab.got) == [("raised", "s1", 0), ("cleared", "s1", 70)]
    lab.tell(gun(1, 1, 80, 20.0), gun(1, 1, 90))
    assert seen(lab.got)[2:] == [("raised", "s1", 90)]
    lab.same_everywhere()


def test_one_gun_after_the_other_is_one_vote() -> None:
    lab = lab_of("at_least: 1, began_within: 1m", [pile(1)])
    lab.tell(gun(1, 1, 0), gun(1, 2, 50), gun(1, 1, 55, 20.0), gun(1, 1, 70))
    assert seen(lab.got) == [("raised", "s1", 0), ("cleared", "s1", 60)]
    lab.same_everywhere()


def test_a_gun_never_heard_keeps_no_vote_from_beginning_anew() -> None:
    lab = lab_of("at_least: 2, began_within: 1m", [pile(1), pile(2)])
    lab.tell(gun(1, 1, 0), gun(1, 1, 10, 20.0), gun(1, 1, 100), gun(2, 1, 101))
    assert seen(lab.got) == [("raised", "s1", 101)]
    lab.same_everywhere()


def test_heard_within_and_begun_within() -> None:
    lab = lab_of("at_least: 2, within: 1m, began_within: 5m", [pile(1), pile(2)])
    lab.tell(gun(1, 1, 0))
    lab.tell(gun(2, 1, 70))
    assert lab.got == [], "the first was not heard for a minute: unknown"
    lab.tell(gun(1, 2, 80, 20.0))
    assert seen(lab.got) == [("raised", "s1", 80)], "a device is heard by any of its guns"
    lab.tick(299)
    assert len(lab.got) == 1, "silence clears nothing"
    lab.tick(301)
    assert seen(lab.got)[1:] == [("cleared", "s1", 300)], "a vote that is old is none"
    lab.same_everywhere()


def test_a_silent_vote_is_unknown_for_an_opening_too() -> None:
    lab = lab_of("at_least: 1, within: 1m", [pile(1)], "\n  active: {daily: 01:00-02:00}")
    lab.tell(gun(1, 1, 0))
    begin = 3600 - (T0 // 1_000_000) % 86_400
    begin += 86_400 if begin < 0 else 0
    lab.tick(begin - 1)
    lab.tick(begin + 1)
    assert lab.got == []
    lab.tell(gun(1, 1, begin + 10))
    assert seen(lab.got) == [("raised", "s1", begin + 10)]
    lab.same_everywhere()


def test_who_leaves_takes_the_vote_along_and_brings_it() -> None:
    lab = lab_of("at_least: 2, began_within: 5m", [pile(1), pile(2, "s2"), pile(3, "s2")])
    lab.tell(gun(1, 1, 0), gun(2, 1, 10))
    lab.change(pile(2, "s1"), 60)
    assert seen(lab.got) == [("raised", "s1", 60)]
    lab.change(pile(1, "s1", life=Life.RETIRED), 100)
    assert seen(lab.got)[1:] == [("cleared", "s1", 100)]
    lab.tell(gun(3, 1, 120))
    lab.change(pile(2, "s2"), 130)
    assert seen(lab.got)[2:] == [("raised", "s2", 130)]
    lab.tick(400)
    assert seen(lab.got)[3:] == [("cleared", "s2", 310)]
    lab.same_everywhere()


def test_more_components_are_more_votes() -> None:
    lab = lab_of("at_least: 2, per: component", [pile(1, components=1)])
    lab.tell(gun(1, 1, 0))
    lab.change(pile(1, components=2), 10)
    lab.tell(gun(1, 2, 20))
    assert seen(lab.got) == [("raised", "s1", 20)]
    lab.same_everywhere()


def test_an_edit_keeps_since_when_votes_are_true() -> None:
    lab = lab_of("at_least: 2, began_within: 5m", [pile(1), pile(2)])
    lab.tell(gun(1, 1, 0), gun(2, 1, 10))
    lab.install(group_rule(f"  members: {{{HOT}, at_least: 2, began_within: 5m}}\n  clear_hold: 1m", PILES), 60)
    lab.tick(400)
    assert seen(lab.got) == [("raised", "s1", 10), ("cleared", "s1", 360)]
    lab.same_everywhere()


def test_a_hold_ends_when_votes_are_old() -> None:
    lab = lab_of("at_least: 2, began_within: 2m", [pile(1), pile(2)], "\n  hold: {for: 90s, gap: 10m}")
    lab.tell(gun(1, 1, 0), gun(2, 1, 60))
    lab.tick(600)
    assert lab.got == [], "true from 60 s to 120 s"
    lab.tell(gun(1, 1, 610, 20.0), gun(2, 1, 610, 20.0), gun(1, 1, 620), gun(2, 1, 621))
    lab.tick(800)
    assert seen(lab.got) == [("raised", "s1", 711), ("cleared", "s1", 740)]
    lab.same_everywhere()


def test_evidence_names_who_voted_and_since_when() -> None:
    lab = lab_of("at_least: 3, began_within: 5m", [pile(number, components=2) for number in (1, 2, 3)])
    lab.tell(gun(3, 2, 0), gun(3, 2, 30, 80.0), gun(1, 1, 40), gun(1, 2, 50), gun(2, 1, 60))
    (raised,) = lab.got
    found = [
        (one.device, one.component, (one.since - T0) / 1e6, [(r.point, r.value) for r in one.readings])
        for one in raised.evidence.members
    ]
    assert found == [
        ("p3", 0, 0, [("2.gun_temp", 80.0)]),
        ("p1", 0, 40, [("1.gun_temp", 70.0), ("2.gun_temp", 70.0)]),
        ("p2", 0, 60, [("1.gun_temp", 70.0)]),
    ]
    assert raised.evidence.others == 0
    assert {one.name: one.value for one in raised.evidence.signals}["members voting"] == 3
    lab.tick(400)
    assert [one.device for one in lab.got[1].evidence.members] == ["p1", "p2"], "when it ended these were left"


def test_evidence_is_of_the_moment_not_of_the_batch() -> None:
    lab = lab_of("at_least: 1", [pile(1), pile(2)])
    lab.tell(gun(1, 1, 0), gun(1, 1, 10, 90.0), gun(2, 1, 5), gun(1, 1, 20, 20.0), gun(2, 1, 20, 20.0))
    raised = lab.got[0]
    assert [(one.device, one.readings[0].value) for one in raised.evidence.members] == [("p1", 70.0)]


def test_evidence_is_bounded() -> None:
    lab = lab_of("at_least: 30", [pile(number) for number in range(1, 41)])
    lab.tell(*(gun(number, 1, number) for number in range(1, 41)))
    (raised,) = lab.got
    assert len(raised.evidence.members) == 20
    assert raised.evidence.others == 10
    assert [one.device for one in raised.evidence.members][:2] == ["p1", "p2"]


def test_per_component_evidence_names_the_component() -> None:
    lab = lab_of("at_least: 2, per: component", [pile(1)])
    lab.tell(gun(1, 2, 0), gun(1, 1, 5))
    members = lab.got[0].evidence.members
    assert [(one.device, one.component, one.readings[0].point) for one in members] == [
        ("p1", 2, "gun_temp"),
        ("p1", 1, "gun_temp"),
    ]


def test_aggregates_of_components_and_counts_of_devices() -> None:
    for per, devices in (("", 2), (", per: component", 3)):
        body = f"""  let:
    hot: {{members: {{count: "gun_temp > 60 degC"{per}}}}}
    warm: {{members: {{mean: gun_temp}}}}
  when: "hot >= {devices} and warm > 50 degC"
"""
        lab = GroupLab([group_rule(body, PILES)], [pile(1), pile(2)])
        lab.tell(gun(1, 1, 0), gun(1, 2, 0), gun(2, 1, 0, 20.0), gun(2, 2, 10, 70.0))
        assert seen(lab.got) == [("raised", "s1", 10)]
        values = {one.name: (one.value, one.coverage) for one in lab.got[0].evidence.signals}
        assert values == {"hot": (devices, 1.0), "warm": (57.5, 1.0)}
        lab.same_everywhere()


def test_a_count_of_devices_over_closed_windows() -> None:
    body = """  let:
    used: {increase: volume, per: hour}
    many: {members: {count: "used > 2 m3"}}
  when: "many >= 2"
"""
    lab = GroupLab([group_rule(body, "{kind: user, group: site}")], [sensor(n, kind="user") for n in (1, 2)])
    for minute in range(0, 140, 20):
        lab.tell(*(says(n, 60 * minute, minute * 3 / 60, "volume") for n in (1, 2)))
    assert seen(lab.got) == [("raised", "s1", 7200)]
    lab.same_everywhere()


def test_a_count_over_closed_windows_of_many_members() -> None:
    """Hour by hour the same as counting the meters one by one."""
    body = """  let:
    used: {increase: volume, per: hour}
    many: {members: {count: "used > 2 m3"}}
  when: "many >= 12"
"""
    rng, meters, hours = Random(7), range(1, 26), 14
    lab = GroupLab([group_rule(body, "{kind: user, group: site}")], [sensor(n, kind="user") for n in meters])
    stands = {n: [0.0] for n in meters}
    for step in range(3 * hours + 1):
        lab.tell(*(says(n, 1200 * step, stands[n][-1], "volume") for n in meters))
        for n in meters:
            stands[n].append(stands[n][-1] + rng.choice((0.25, 1.0)))
    expected, on = [], False
    for hour in range(hours):
        first, last = max(0, 3 * hour - 1), 3 * hour + 2  # the readings before its start and before its end
        count = sum(stood[last] - stood[first] > 2 for stood in stands.values())
        if (count >= 12) != on:
            on = not on
            expected.append(("raised" if on else "cleared", "s1", 3600 * (hour + 1)))
    assert seen(lab.got) == expected
    assert len(expected) > 4
    lab.same_everywhere()


# --- against the words of RULES.md
QUORUMS = st.fixed_dictionaries({
    "bounds": st.sampled_from((
        "at_least: 1", "at_least: 2", "at_least: 3", "at_most: 0", "at_most: 2", "fraction: 0.5",
        "at_least: 1, at_most: 2", "at_least: 1, fraction: 0.5",
    )),
    "within": st.sampled_from(("", ", within: 20s")),
    "began": st.sampled_from(("", ", began_within: 20s", ", began_within: 35s")),
    "per": st.sampled_from((", per: device", ", per: component")),
})  # fmt: skip
SAYS = st.lists(
    st.tuples(
        st.sampled_from((0, 1, 4, 10, 15, 20, 35)), st.integers(1, 3), st.integers(1, 2),
        st.sampled_from((70.0, 70.0, 20.0, NAN)),
    ),
    max_size=25,
)  # fmt: skip
Heard = dict[tuple[int, int], list[tuple[int, float]]]


def slow_truth(quorum: Quorum, heard: Heard, at: int) -> float:
    """The quorum at `at` s, from all readings up to then, by the words of the page."""
    pairs = [[(d, c) for c in (1, 2)] for d in (1, 2, 3)]
    voters = [[pair] for two in pairs for pair in two] if quorum.components else pairs
    yes = unknown = 0
    for things in voters:
        now, newest, began, held = [], None, None, set()
        history = sorted((t, k, v) for k in things for t, v in heard.get(k, []) if t <= at)
        for moment in sorted({t for t, _, _ in history}):
            before = bool(held)
            for t, k, v in history:
                if t == moment:
                    newest = t
                    (held.add if v > 60 else held.discard if v == v else lambda _: None)(k)
            began = moment if held and not before else began
        for k in things:
            mine = [v for t, kk, v in history if kk == k]
            now.append(mine[-1] if mine else NAN)
        if any(v > 60 for v in now):
            old = quorum.began_within and at >= began + quorum.began_within / 1e6
            silent = quorum.within and at > newest + quorum.within / 1e6
            yes += not old and not silent
            unknown += bool(silent and not old)
        elif any(v != v for v in now):
            unknown += 1
    outcomes = set()
    for more in range(unknown + 1):
        votes = yes + more
        outcomes.add(
            (quorum.at_least is None or votes >= quorum.at_least)
            and (quorum.at_most is None or votes <= quorum.at_most)
            and (quorum.fraction is None or votes >= quorum.fraction * len(voters) - 1e-9)
        )
    return NAN if len(outcomes) > 1 else float(outcomes.pop())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(QUORUMS, SAYS, st.data())
def test_votes_agree_with_the_page(
    limits: dict[str, str], script: list[tuple[int, int, int, float]], data: st.DataObject
) -> None:
    text = limits["bounds"] + limits["within"] + limits["began"] + limits["per"]
    rule = group_rule(f"  members: {{{HOT}, {text}}}", PILES)
    lab = GroupLab([rule], [pile(1), pile(2), pile(3)])
    now, heard, batch, times = 0, {}, [], {0}
    for step, device, component, value in script:
        now += step
        if any(at == now for at, _ in heard.get((device, component), ())):
            continue  # a value replaced at its moment is for a rerun
        batch.append(gun(device, component, now, value))
        heard.setdefault((device, component), []).append((now, value))
        times |= {now, now + 20, now + 21, now + 35, now + 36}
        if data.draw(st.booleans()):
            lab.tell(*batch)
            batch = []
        elif data.draw(st.booleans()):
            lab.tell(*batch)
            lab.tick(now)
            batch = []
    if batch:
        lab.tell(*batch)
    lab.tick(now + 100)
    expected, on = [], False
    for at in sorted(times):
        truth = (
            slow_truth(rule.quorums[0], heard, at) if any(t <= at for two in heard.values() for t, _ in two) else NAN
        )
        if truth == 1.0 and not on:
            expected.append(("raised", "s1", float(at)))
        elif truth == 0.0 and on:
            expected.append(("cleared", "s1", float(at)))
        on = truth == 1.0 if truth == truth else on
    assert seen(lab.got) == expected
    lab.same_everywhere(restarts=[data.draw(st.integers(1, len(lab.records)))])
