"""Aggregates over the members of a group, now and over closed windows; and one meaning whatever the path."""

import dataclasses

from engine_lab import T0, bytes_of, run
from groups_lab import GroupLab, group_rule, group_rules, says, seen, sensor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.alarm import Transition
from gateway.domain.device import Device, Life, Site
from gateway.domain.record import Down, SiteSet
from rules.compiled import Aggregate, MemberStat, Quorum
from rules.engine.groups.aggregate import aggregate, verdict

DAY = 86_400
NAN = float("nan")
LOSS = """  let:
    used: {increase: volume, per: day}
    sent: {increase: delivered, per: day}
    users: {members: {sum: used}}
    supply: {members: {sum: sent, kind: supply}}
  when: "supply - users > 0.05 * supply"
"""


def area(number: int, kind: str = "user", site: str = "s1") -> Device:
    """Meter `number`."""
    return sensor(number, site, kind)


def test_mean_of_what_is_known() -> None:
    rule = group_rule('  let: {all: {members: {mean: pressure, coverage: 0.6}}}\n  when: "all < 1.6 kPa"')
    lab = GroupLab([rule], [sensor(number) for number in range(1, 6)])
    lab.tell(says(1, 0, 1.0), says(2, 0, 1.0))
    assert lab.got == [], "two of five are fewer than 60 %"
    lab.tell(says(3, 10, 1.0), says(3, 20, 3.0))
    assert seen(lab.got) == [("raised", "s1", 10), ("cleared", "s1", 20)]
    signal = lab.got[1].evidence.signals[0]
    assert (signal.name, signal.value, signal.coverage) == ("all", 5 / 3, 0.6)
    lab.same_everywhere()


def named(got: Transition) -> list[tuple[str, int, list[tuple[str, object]]]]:
    """Members of the evidence: device, since, readings."""
    return [(one.device, one.since, [(r.point, r.value) for r in one.readings]) for one in got.evidence.members]


def test_evidence_names_the_members_that_an_aggregate_counted() -> None:
    for what, raised in (
        ("min", [("p2", 1.0), ("p3", 2.0), ("p1", 3.0)]), ("mean", [("p1", 3.0), ("p3", 2.0), ("p2", 1.0)]),
    ):  # fmt: skip
        rule = group_rule(f'  let: {{x: {{members: {{{what}: pressure, coverage: 0.6}}}}}}\n  when: "x < 2.5 kPa"')
        lab = GroupLab([rule], [sensor(number) for number in range(1, 5)])
        lab.tell(says(1, 0, 3.0), says(2, 0, 1.0), says(3, 10, 2.0))
        (got,) = lab.got
        assert named(got) == [(device, 0, [("pressure", value)]) for device, value in raised], "p4 said nothing"
        assert [one.readings[0].at for one in got.evidence.members if one.device == "p3"] == [T0 + 10_000_000]
        assert got.evidence.others == 0
        lab.same_everywhere()


def test_evidence_of_an_aggregate_is_bounded_and_has_what_decides() -> None:
    rule = group_rule('  let: {x: {members: {max: pressure, coverage: 1}}}\n  when: "x > 3 kPa"')
    lab = GroupLab([rule], [sensor(number) for number in range(1, 31)])
    lab.tell(*(says(number, number, 4.0 if number == 29 else 1.0) for number in range(1, 31)))
    (got,) = lab.got
    assert named(got)[0] == ("p29", 0, [("pressure", 4.0)])
    assert (len(got.evidence.members), got.evidence.others) == (20, 10)


def test_evidence_of_a_quorum_beside_an_aggregate_names_each_member_once() -> None:
    rule = group_rule(
        "  let: {x: {members: {mean: pressure, coverage: 0.5}}}\n"
        '  when: {all: [{members: {of: "pressure < 1 kPa", at_least: 1}}, "x < 2 kPa"]}'
    )
    lab = GroupLab([rule], [sensor(number) for number in range(1, 4)])
    lab.tell(says(1, 0, 1.5), says(2, 10, 0.5))
    (got,) = lab.got
    assert sorted(named(got)) == [("p1", 0, [("pressure", 1.5)]), ("p2", T0 + 10_000_000, [("pressure", 0.5)])]
    assert got.evidence.others == 0


def test_lowest_highest_and_how_many() -> None:
    rules = group_rules("".join(
        f"- id: {name}\n  title: {{en: t, zh: 题}}\n  why: w\n  watch: {{kind: sensor, group: site}}\n"
        f"  let: {{x: {{members: {{{what}}}}}}}\n  when: \"{when}\"\n  then: {{order: {{type: repair}}}}\n"
        for name, what, when in (
            ("low", "min: pressure, coverage: 0", "x < 1 kPa"), ("high", "max: pressure, coverage: 0", "x > 3 kPa"),
            ("many", "count: 'pressure > 2 kPa', coverage: 0", "x >= 2"),
        )
    ))  # fmt: skip
    lab = GroupLab(rules, [sensor(number) for number in range(1, 4)])
    lab.tell(says(1, 0, 2.5), says(2, 10, 3.5), says(3, 20, 0.5), says(3, 30, 1.5), says(2, 40, 1.0), says(2, 50, NAN))
    got = [(one.rule, one.change.value, (one.at - T0) / 1e6) for one in lab.got]
    assert got == [
        ("high", "raised", 10),
        ("many", "raised", 10),
        ("low", "raised", 20),
        ("low", "cleared", 30),
        ("high", "cleared", 40),
        ("many", "cleared", 40),
    ]
    lab.same_everywhere()


def loss(lab: GroupLab, day: int, supplied: float, used: tuple[float, ...]) -> None:
    """Meter readings of a whole day, hour by hour, user by user."""
    for hour in range(24):
        at, part = DAY * day + 3600 * hour, day + hour / 24
        lab.tell(says(1, at, 1000 + supplied * part, "delivered"))
        lab.tell(*(says(2 + k, at, 10 + part * one, "volume") for k, one in enumerate(used)))
        lab.tick(at)


def test_what_a_supply_meter_gave_against_what_users_took() -> None:
    rule = group_rule(LOSS, "{kind: user, group: area}")
    devices = [area(1, "supply"), *(area(number) for number in (2, 3, 4))]
    lab = GroupLab([rule], devices, [Site("s1", area="north", timezone="Asia/Shanghai")])
    for day in range(3):
        loss(lab, day, 100.0 if day else 90.0, (30.0, 30.0, 28.0))
    raised = lab.got[0]
    assert seen(lab.got) == [("raised", "north", 2 * DAY)], "the days of the installation: UTC"
    assert {one.name: (round(one.value or 0), one.coverage) for one in raised.evidence.signals} == {
        "supply": (110, 1.0),
        "users": (88, 1.0),
    }
    assert [one.point for one in raised.evidence.readings] == ["p1.sent", "p2.used", "p3.used", "p4.used"]
    assert sorted(one.device for one in raised.evidence.members) == ["p1", "p2", "p3", "p4"]
    assert all(one.since == 0 and one.readings[0].at == raised.at for one in raised.evidence.members)
    assert raised.evidence.others == 0
    lab.same_everywhere(restarts=range(20, len(lab.records), 17))


def test_one_silent_user_holds_the_value_back_no_longer_than_a_gap() -> None:
    text = LOSS.replace("{sum: used}", "{sum: used, coverage: 0.5}")
    rule = group_rule(text, "{kind: user, group: site}")
    lab = GroupLab([rule], [area(1, "supply"), area(2), area(3)], [Site("s1", timezone="Asia/Shanghai")])
    begin = 16 * 3600  # midnight in Shanghai
    for hour in range(30):
        at = begin - 3600 + 3600 * hour
        lab.tell(says(1, at, 1000.0 + 10 * hour, "delivered"), says(2, at, 5.0 * hour, "volume"))
        if hour < 23:
            lab.tell(says(3, at, 4.0 * hour, "volume"))
        lab.tick(at)
    assert seen(lab.got) == [("raised", "s1", begin + DAY)]
    decided = (lab.got[0].decided - T0) / 1e6
    assert decided == begin + DAY + 3600, "when the third had been silent for longer than three intervals"
    lab.same_everywhere(restarts=range(20, len(lab.records), 7))


def test_a_user_never_heard_is_unknown_and_waits_for_nothing() -> None:
    text = LOSS.replace("{sum: used}", "{sum: used, coverage: 0.6}")
    lab = GroupLab([group_rule(text, "{kind: user, group: site}")], [area(1, "supply"), area(2), area(3), area(9)])
    for day in range(2):
        loss(lab, day, 100.0, (40.0, 40.0))
    lab.tell(says(1, 2 * DAY, 1200.0, "delivered"), says(2, 2 * DAY, 90.0, "volume"), says(3, 2 * DAY, 90.0, "volume"))
    assert seen(lab.got) == [("raised", "s1", DAY)]
    assert round(lab.got[0].evidence.signals[1].coverage, 3) == 0.667
    lab.same_everywhere(restarts=range(20, len(lab.records), 31))


def test_days_in_a_row_of_a_group() -> None:
    text = LOSS.replace("  when: ", "  when: {streak: {of: ").replace('supply"', 'supply", length: 2}}')
    lab = GroupLab([group_rule(text, "{kind: user, group: site}")], [area(1, "supply"), area(2), area(3)])
    for day in range(4):
        loss(lab, day, 100.0, (40.0, 40.0))
    assert seen(lab.got) == [("raised", "s1", 2 * DAY)]
    lab.same_everywhere(restarts=range(20, len(lab.records), 41))


def test_against_the_day_before() -> None:
    body = """  let:
    used: {increase: volume, per: day}
    users: {members: {sum: used}}
    old: {members: {sum: before(used)}}
  when: "users > 1.5 * old"
"""
    lab = GroupLab([group_rule(body, "{kind: user, group: site}")], [area(2), area(3)])
    at, meters = 0, [0.0, 0.0]
    for day, rate in enumerate((1.0, 1.0, 2.0, 2.0, 2.0)):
        for hour in range(24):
            at = DAY * day + 3600 * hour
            lab.tell(*(says(2 + k, at, meters[k], "volume") for k in range(2)))
            meters = [meters[0] + rate, meters[1] + rate]
    assert seen(lab.got) == [("raised", "s1", 3 * DAY), ("cleared", "s1", 4 * DAY)]
    lab.same_everywhere(restarts=range(20, len(lab.records), 23))


def test_a_member_that_leaves_is_waited_for_no_longer() -> None:
    lab = GroupLab([group_rule(LOSS, "{kind: user, group: site}")], [area(1, "supply"), area(2), area(3)])
    loss(lab, 0, 100.0, (40.0, 40.0))
    lab.tell(says(1, DAY, 1100.0, "delivered"), says(2, DAY, 50.0, "volume"))
    assert lab.got == []
    lab.change(replace(area(3), life=Life.RETIRED), DAY + 60)
    assert seen(lab.got) == [("raised", "s1", DAY)]
    lab.same_everywhere(restarts=range(20, len(lab.records), 11))


# --- counting
def test_verdict_is_the_agreement_of_all_that_the_unknown_could_say() -> None:
    of = group_rule('  members: {of: "pressure < 1 kPa", at_least: 1}').quorums[0].of
    limits = ((2, None, None), (None, 1, None), (1, 2, None), (1, None, 0.4), (None, 2, 0.25))
    for quorum in (Quorum(of, *each) for each in limits):
        for members in range(1, 7):
            for yes in range(members + 1):
                for unknown in range(members - yes + 1):
                    outcomes = {_plain(quorum, yes + more, members) for more in range(unknown + 1)}
                    got = float(verdict(quorum, yes, unknown, members))
                    if got == got:
                        assert outcomes == {bool(got)}, (quorum, members, yes, unknown)
                    elif unknown == 0:
                        raise AssertionError("all is known")


def _plain(quorum: Quorum, yes: int, members: int) -> bool:
    return (
        (quorum.at_least is None or yes >= quorum.at_least)
        and (quorum.at_most is None or yes <= quorum.at_most)
        and (quorum.fraction is None or yes >= quorum.fraction * members - 1e-9)
    )


@given(st.lists(st.floats(-1e15, 1e15), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_a_sum_knows_no_order(values: list[float], random: object) -> None:
    stat = MemberStat("x", Aggregate.SUM, None, coverage=0)  # type: ignore[arg-type]
    answers = [((0, k), value) for k, value in enumerate(values)]
    first = aggregate(stat, answers, len(values))
    random.shuffle(answers)  # type: ignore[attr-defined]
    assert aggregate(stat, answers, len(values)) == first


# --- one meaning
LOW = 'members: {of: "pressure < 1.6 kPa", '
POOL = group_rules(
    f"""
- id: a.quorum
  watch: {{kind: sensor, group: site}}
  {LOW} at_least: 2}}
- id: b.hold
  watch: {{kind: sensor, group: site}}
  {LOW} fraction: 0.5}}
  hold: {{for: 25s, gap: 40s}}
  clear_hold: 15s
- id: c.within
  watch: {{kind: sensor, group: area}}
  when: {{all: [{{{LOW} at_least: 1, within: 20s}}}}, {{members: {{of: "battery < 3 V", at_most: 1}}}}]}}
- id: d.levels
  watch: {{kind: sensor, group: site}}
  levels:
    minor: {{when: {{{LOW} at_least: 1}}}}, hold: 10s}}
    major: {{when: {{members: {{of: "pressure < 1 kPa", at_least: 2}}}}, auto_clear: false}}
- id: e.mean
  watch: {{kind: sensor, group: site}}
  let: {{m: {{members: {{mean: pressure, coverage: 0.5}}}}}}
  when: "m < attr('p_min', 1.5 kPa)"
  hold: 5s
- id: f.span
  watch: {{kind: sensor, group: site}}
  let:
    lo: {{members: {{min: pressure, coverage: 0}}}}
    hi: {{members: {{max: pressure, coverage: 0}}}}
  when: "hi - lo > 1 kPa"
  missing: clear_after 60s
- id: g.streak
  watch: {{kind: sensor, group: site}}
  when: {{streak: {{of: {{{LOW} at_least: 1}}}}, length: 3}}}}
- id: h.votes
  watch: {{kind: sensor, group: site}}
  when: {{votes: {{of: {{{LOW} at_least: 2}}}}, need: 2, last: 4}}}}
""".replace("  watch:", "  title: {en: t, zh: 题}\n  why: w\n  then: {order: {type: repair}}\n  watch:")
)


@st.composite
def journals(draw: st.DrawFn) -> GroupLab:
    """Sensors of two sites that speak, move and retire, with ticks and down-times in between."""
    order = draw(st.permutations(POOL))
    lab = GroupLab(
        order, [sensor(1), sensor(2), sensor(3), sensor(4, "s2")], [Site("s1", area="n"), Site("s2", area="n")]
    )
    now = 0.0
    for _ in range(draw(st.integers(1, 25))):
        kind = draw(st.sampled_from(("tell", "tell", "tell", "tick", "device", "site", "down")))
        now += draw(st.sampled_from((0, 3, 5, 10, 25, 70)))
        if kind == "tell":
            said = []
            for _ in range(draw(st.integers(1, 6))):
                name = draw(st.sampled_from(("pressure", "pressure", "pressure", "battery")))
                value = draw(st.sampled_from((0.8, 1.2, 1.4, 2.0, 2.9, NAN)))
                at = max(0.0, now - draw(st.sampled_from((0, 0, 0, 2, 5, 20))))
                said.append(says(draw(st.integers(1, 5)), at, value, name, received=now))
            lab.tell(*said)
        elif kind == "tick":
            lab.tick(now)
        elif kind == "device":
            life = draw(st.sampled_from((Life.IN_SERVICE, Life.IN_SERVICE, Life.RETIRED)))
            lab.change(sensor(draw(st.integers(1, 5)), draw(st.sampled_from(("s1", "s2", ""))), life=life), now)
        elif kind == "site":
            p_min = draw(st.sampled_from(("1.3 kPa", "2.1 kPa")))
            lab.write(SiteSet(Site("s1", area=draw(st.sampled_from(("n", "m"))), attrs={"p_min": p_min})), now)
        else:
            lab.write(Down(T0 + round(now * 1e6) - 5_000_000, T0 + round(now * 1e6)), now)
    return lab


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(journals(), st.data())
def test_columns_scalar_and_restarts_agree(lab: GroupLab, data: st.DataObject) -> None:
    lab.same_everywhere(restarts=[data.draw(st.integers(1, len(lab.records)))])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(journals(), st.randoms(use_true_random=False))
def test_order_of_rules_changes_nothing(lab: GroupLab, random: object) -> None:
    first = next(k for k, record in enumerate(lab.records) if type(record.body).__name__ == "RuleSet")
    rules = [record.body for record in lab.records[first : first + len(POOL)]]
    random.shuffle(rules)  # type: ignore[attr-defined]
    records = list(lab.records)
    for k, body in enumerate(rules):
        records[first + k] = dataclasses.replace(records[first + k], body=body)
    assert bytes_of(run(records)) == bytes_of(lab.got)


def test_members_judged_by_a_signal_of_their_own() -> None:
    body = """  let: {calm: {mean: pressure, over: 5m, coverage: 0.5}}
  members: {of: "calm < 1.6 kPa", at_least: 2}"""
    lab = GroupLab([group_rule(body)], [sensor(1), sensor(2), sensor(3)])
    for minute in range(12):
        lab.tell(*(says(number, 60 * minute, 1.0 if minute >= 4 and number < 3 else 2.0) for number in (1, 2, 3)))
        lab.tick(60 * minute + 1)
    assert seen(lab.got) == [("raised", "s1", 60 * 6)], "1.6 is not below, two readings of 2 and three of 1 are"
    lab.same_everywhere(restarts=range(20, len(lab.records), 3))
