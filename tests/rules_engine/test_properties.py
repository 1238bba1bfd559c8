"""Properties of all forms of rules together (issue 3): whatever the path, one meaning."""

from collections.abc import Sequence
from dataclasses import replace as replaced
from random import Random

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rules_engine.engine_lab import SPECS, T0, Lab, S, bytes_of, in_any_order, run, told
from rules_engine.forms_lab import MORE
from rules_engine.past_lab import Gateway
from rules_engine.test_engine_equivalence import DEVICES, RULES, SITES, frames, journals

from gateway.domain.alarm import Evidence, Transition
from gateway.domain.reading import Batch, Reading
from gateway.domain.record import Body, DeviceSet, Down, Record, RuleSet, Tick
from rules.compiled import Names, Rule
from rules.engine import Engine
from rules.format import compile_source, edit

ALL = (*RULES, *MORE)
CHARGERS_AND_METERS = tuple(
    replace(one, attrs={**one.attrs, "plot": "north"}) if one.kind == "charger" else one for one in DEVICES
)
SOME = settings(max_examples=6, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
Life = list[tuple[int, list[Reading]]]
L = 30  # seconds of lateness


def everywhere(records: Sequence[Record], rules: Sequence[Rule] = MORE) -> list[Record]:
    """The journal with more rules in force from the start."""
    first = next((k for k, one in enumerate(records) if isinstance(one.body, Batch)), len(records))
    placed = [(one.at, _placed(one.body)) for one in records]
    more = [(T0, RuleSet(one.id, one.revision, one.source, "UTC")) for one in rules]
    bodies: list[tuple[int, Body]] = [*placed[:first], *more, *placed[first:]]
    return [Record(seq, at, body) for seq, (at, body) in enumerate(bodies, 1)]


def _placed(body: Body) -> Body:
    """All chargers stand on one plot."""
    if not isinstance(body, DeviceSet) or body.device.kind != "charger":
        return body
    return DeviceSet(replace(body.device, attrs={**body.device.attrs, "plot": "north"}))


@SOME
@given(journals())
def test_columns_equal_the_scalar_reference(records: list[Record]) -> None:
    whole = everywhere(records)
    assert bytes_of(run(whole)) == bytes_of(run(whole, scalar=True))


@SOME
@given(journals(), st.integers(0, 200))
def test_replay_and_a_restart_anywhere_are_the_same_bytes(records: list[Record], where: int) -> None:
    whole = everywhere(records)
    live = bytes_of(run(whole))
    assert bytes_of(run(whole)) == live
    assert bytes_of(run(whole, restart_at=where % len(whole))) == live


@SOME
@given(journals(), st.randoms(use_true_random=False))
def test_the_order_of_rules_is_irrelevant(records: list[Record], random: Random) -> None:
    turned = list(MORE)
    random.shuffle(turned)
    whole, other = everywhere(records), everywhere(records, turned)
    first = next((k for k, one in enumerate(whole) if isinstance(one.body, Batch)), len(whole))
    assert in_any_order(run(whole), first) == in_any_order(run(other), first)


@SOME
@given(frames(), st.data())
def test_duplicates_change_nothing(all_frames: list[list[Reading]], data: st.DataObject) -> None:
    once, twice = (Gateway(ALL, CHARGERS_AND_METERS, SITES, answers=False) for _ in range(2))
    for k, frame in enumerate(all_frames):
        at = max((one.at - T0) / S for frame in all_frames[: k + 1] for one in frame)
        once.read(frame, at=at)
        twice.read(frame, at=at)
        if len({(one.device, one.point, one.at) for one in frame}) == len(frame) and data.draw(st.booleans()):
            assert twice.read(frame, at=at) == []


# --- in order, as a healthy field tells it: every ten seconds, now and then nothing
@st.composite
def lives(draw: st.DrawFn) -> Life:
    """(second, frame): two chargers and a meter, in order."""
    return story(Random(draw(st.integers(0, 10_000))), draw(st.integers(5, 15)))


def story(random: Random, steps: int) -> Life:
    """A life of so many steps."""
    temps = (20.0, 66.0, 72.0, 76.0, 81.0, 85.0, 91.0, 99.0, float("nan"))
    out: Life = []
    calm = [20.0, 20.0, 20.0]
    for step in range(steps):
        for device in (1, 2):
            if random.random() < 0.15:
                continue
            at = 10 * step + device
            if random.random() < 0.3:
                calm[device] = random.choice(temps)
            frame = [told(device, "gun_temp", at, calm[device], 1), told(device, "heartbeat", at, 1.0)]
            frame += [told(device, "current", at, random.choice((0.5, 1.5, 2.5, 5.0)), 1)] * (random.random() < 0.5)
            frame += [told(device, "status", at, random.choice((0.0, 1.0, 2.0)), 1)] * (random.random() < 0.2)
            frame += [told(device, "ambient", at, random.choice((20.0, 45.0)))] * (random.random() < 0.3)
            out.append((at, frame))
    return out


def live(
    life: Life, rules: Sequence[Rule], *, down: tuple[int, int] | None = None, delays: Sequence[int] = ()
) -> list[Transition]:
    """The story through an engine with a tick every five seconds; away in `down` (seconds), with readings buffered."""
    lab = Lab(rules, CHARGERS_AND_METERS, SITES)
    away, back = down or (1 << 30, 1 << 30)
    arrivals = [(at + (delays[k % len(delays)] if delays else 0), k) for k, (at, _) in enumerate(life)]
    arrivals = sorted((back if away <= at < back else at, k) for at, k in arrivals)
    end = life[-1][0] + 250
    for second in range(end):
        if second == back:
            assert lab.engine is not None
            lab.engine = Engine.restore(lab.engine.snapshot(), compile_source)
            lab.write(Down(T0 + (away - 1) * S, T0 + back * S), second)
        if away <= second < back:
            continue
        while arrivals and arrivals[0][0] == second:
            _, k = arrivals.pop(0)
            lab.read([replaced(one, received=T0 + second * S) for one in life[k][1]], at=second)
        due = lab.engine.next_due() if lab.engine is not None else None
        if second % 5 == 0 and due is not None and due <= T0 + second * S:
            lab.write(Tick(T0 + second * S), second)
    return lab.got


def meaning(transitions: Sequence[Transition]) -> list[bytes]:
    """All but when and by which record it was decided, and when readings came."""
    found = sorted(transitions, key=lambda one: (one.rule, one.thing, one.identity, one.at))
    return bytes_of(replace(one, seq=0, ordinal=0, decided=0, evidence=_timeless(one.evidence)) for one in found)


def in_time(transitions: Sequence[Transition]) -> list[bytes]:
    """The same but for `stale`, which says how late it was heard of, and for what else was known by then."""
    return meaning([replace(one, stale=False, evidence=_unread(one.evidence)) for one in transitions])


def _unread(evidence: Evidence) -> Evidence:
    return replace(evidence, readings=(), signals=(), members=(), sentence_en="", sentence_zh="")


def _timeless(evidence: Evidence) -> Evidence:
    return replace(evidence, readings=tuple(replace(seen, received=0) for seen in evidence.readings))


@SOME
@given(lives(), st.integers(1, 160))
def test_down_for_no_time_equals_never_down(life: Life, at: int) -> None:
    """Of devices that go on talking: from a long silence the second between the last tick and the start is left out."""
    for device in (1, 2):
        before = [t for t, frame in life if frame[0].device == device and t <= at]
        after = [t for t, frame in life if frame[0].device == device and t > at]
        assume(not before or (bool(after) and after[0] - before[-1] <= 30))
    assert in_time(live(life, ALL, down=(at, at))) == in_time(live(life, ALL))


@SOME
@given(lives(), st.integers(0, 1000), st.integers(0, 59))
def test_down_with_the_readings_buffered_equals_never_down(life: Life, at: int, length: int) -> None:
    """Away while all devices go on talking: what the broker kept tells of the whole time."""
    last = min(max((t for t, frame in life if frame[0].device == device), default=1) for device in (1, 2))
    away = 1 + at % last
    down = away, min(last, away + length) if last > away else away
    assert in_time(live(life, ALL, down=down)) == in_time(live(life, ALL))


LATE = tuple(edit(one, {"lateness": f"{L}s"}, Names(SPECS), "lab.yaml", "", 0) for one in ALL)


@SOME
@given(lives(), st.lists(st.integers(0, L), min_size=7, max_size=31))
def test_shuffled_within_lateness_equals_sorted(life: Life, delays: list[int]) -> None:
    assert in_time(live(life, LATE, delays=delays)) == in_time(live(life, LATE))
