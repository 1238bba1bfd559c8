"""The registry: stable integers, a pure difference, definitions before data."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.domain.device import Customer, Device, Life, Plausible, Point, PointKind, PointSpec, Profile, Site
from gateway.domain.errors import StoreUnavailable
from gateway.domain.reading import Batch, Reading, batch_of
from gateway.domain.record import Define, DeviceDefined, DeviceSet, Fact, PointDefined, SiteSet
from gateway.ports import Directory, LastIds, RegistryChange, RegistryContents
from gateway.registry import Allowance, DeclaredInventory, Registry


@dataclass
class Rows:
    """An in-memory RegistryStore: upserts by id or code, like SQL."""

    sites: dict[str, Site] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    devices: dict[int, Device] = field(default_factory=dict)
    points: dict[int, Point] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    down: bool = False
    revision: int = 0

    def load(self) -> RegistryContents:
        customers, devices = tuple(self.customers.values()), tuple(self.devices.values())
        sites, points = tuple(self.sites.values()), tuple(self.points.values())
        return RegistryContents(sites, customers, devices, points, self.revision)

    def change(
        self, revision: int, decide: Callable[[RegistryContents | None, LastIds], RegistryChange]
    ) -> tuple[RegistryChange, int]:
        change = decide(None if revision == self.revision else self.load(), LastIds().after(self.load()))
        if change:
            self.save(change.rows, change.facts)
            self.revision += 1
        return change, self.revision

    def save(self, changed: RegistryContents, facts: Sequence[Fact]) -> None:
        if self.down:
            raise StoreUnavailable("locked")
        self.sites |= {s.code: s for s in changed.sites}
        self.customers |= {c.code: c for c in changed.customers}
        self.devices |= {d.id: d for d in changed.devices}
        self.points |= {p.id: p for p in changed.points}
        keys = [(p.profile, p.name, p.component, p.revision) for p in self.points.values()]
        assert len(set(keys)) == len(keys)
        self.facts += facts


class Wall:
    def __init__(self, now: int = 1_000_000) -> None:
        self.at = now

    def now(self) -> int:
        return self.at


TEMP = PointSpec("gun_temp", unit="degC", each=True, every=10_000_000)
STATUS = PointSpec("status", kind=PointKind.STATE, each=True, values=("idle", "charging"))
CABINET = PointSpec("cabinet_temp", unit="degC")
CHARGER = Profile("dc", "charger", (TEMP, STATUS, CABINET), components=2)


def device(code: str, **changes: object) -> Device:
    base = Device(0, code, "dc", "charger", components=2)
    return replace(base, **changes)


def wanted(*codes: str, profile: Profile = CHARGER) -> DeclaredInventory:
    return DeclaredInventory((Site("S1"),), (Customer("C1"),), tuple(device(code) for code in codes), (profile,))


def replace_texts(files: DeclaredInventory, texts: Sequence[str]) -> DeclaredInventory:
    """These texts of `status` are named by rules."""
    return dataclasses.replace(files, texts={("dc", "status"): texts})


def registry(rows: Rows | None = None, *codes: str, **options: Any) -> tuple[Registry, Rows]:
    rows = rows or Rows()
    made = Registry(rows, "t1", Wall(), **options)
    if codes:
        made.apply(wanted(*codes))
    return made, rows


def point(reg: Registry, name: str, component: int = 1) -> Point:
    return reg.points("dc")[name, component]


def one(device_id: int, point_id: int) -> Batch:
    return batch_of([[Reading(device_id, point_id, 1, 1.0, received=1)]])


def written(reg: Registry, batch: Batch) -> Sequence[Define]:
    defines = reg.pending(batch)
    reg.journaled(defines)
    return defines


def test_it_is_a_directory() -> None:
    directory: Directory = registry(None, "A")[0]
    assert directory.device("A") is not None
    assert directory.device("B") is None
    assert directory.points("nothing") == {}


def test_first_apply_allots_ids_points_and_facts() -> None:
    reg, rows = registry(None, "A", "B")
    assert [(d.id, d.code, d.registered) for d in rows.devices.values()] == [(1, "A", 1_000_000), (2, "B", 1_000_000)]
    assert set(reg.points("dc")) == {
        ("gun_temp", 1),
        ("gun_temp", 2),
        ("status", 1),
        ("status", 2),
        ("cabinet_temp", 0),
    }
    assert sorted(p.id for p in rows.points.values()) == [1, 2, 3, 4, 5]
    assert [type(f).__name__ for f in rows.facts] == ["SiteSet", "CustomerSet", "DeviceSet", "DeviceSet"]


def test_nothing_new_is_no_change() -> None:
    reg, rows = registry(None, "A")
    before, version = list(rows.facts), reg.version
    assert reg.apply(wanted("A")) == []
    assert rows.facts == before
    assert reg.version == version


def test_ids_survive_a_restart_and_new_ones_go_on() -> None:
    _, rows = registry(None, "A", "B")
    again = Registry(rows, "t1", Wall(5))
    assert again.apply(wanted("A", "B")) == []
    again.apply(wanted("C", "B", "A"))
    assert {d.code: d.id for d in rows.devices.values()} == {"A": 1, "B": 2, "C": 3}


def test_a_missing_device_is_retired_and_its_id_never_reused() -> None:
    reg, rows = registry(None, "A", "B")
    facts = reg.apply(wanted("A"))
    assert facts == [DeviceSet(replace(rows.devices[2], life=Life.RETIRED))]
    assert reg.device("B") is None
    assert reg.device_by_id(2) == replace(device("B"), id=2, life=Life.RETIRED, registered=1_000_000)
    assert reg.apply(wanted("A")) == []
    reg.apply(wanted("A", "C"))
    assert rows.devices[3].code == "C"
    reg.apply(wanted("A", "B", "C"))
    back = reg.device("B")
    assert back is not None
    assert back.id == 2


def test_planned_devices_are_known_but_not_in_service() -> None:
    reg, rows = registry()
    reg.apply(DeclaredInventory(devices=(device("A", life=Life.PLANNED),), profiles=(CHARGER,)))
    assert reg.device("A") is None
    assert rows.devices[1].life is Life.PLANNED


def test_silence_counts_from_the_day_a_device_is_taken_up_never_from_an_older_date() -> None:
    reg, _ = registry(None, "A")
    reg.apply(
        DeclaredInventory(devices=(device("A", registered=77), device("B", registered=2_000_000)), profiles=(CHARGER,))
    )
    reg.apply(wanted("A", "B"))
    old, planned = reg.device("A"), reg.device("B")
    assert old is not None
    assert planned is not None
    assert (old.registered, planned.registered) == (1_000_000, 2_000_000), "installing a list is no storm of orders"


def test_only_what_changed_is_a_fact() -> None:
    reg, _ = registry(None, "A", "B")
    moved = DeclaredInventory(
        (Site("S1", name="new"),), wanted("A", "B").customers, (device("A", site="S1"), device("B")), (CHARGER,)
    )
    assert reg.apply(moved) == [
        SiteSet(Site("S1", name="new")),
        DeviceSet(replace(device("A", site="S1"), id=1, registered=1_000_000)),
    ]


@pytest.mark.parametrize(
    "spec",
    [replace(TEMP, unit="kW"), replace(TEMP, kind=PointKind.COUNTER), replace(TEMP, revision=2)],
    ids=["unit", "kind", "revision"],
)
def test_a_point_that_means_something_else_gets_new_ids(spec: PointSpec) -> None:
    reg, rows = registry(None, "A")
    old = point(reg, "gun_temp")
    reg.apply(wanted("A", profile=replace(CHARGER, points=(spec, STATUS, CABINET))))
    new = point(reg, "gun_temp")
    assert new.id > 5
    assert new.revision == 2
    assert reg.point_by_id(old.id) == old
    assert reg.points("dc")["cabinet_temp", 0].id <= 5
    again = Registry(rows, "t1", Wall())
    assert again.points("dc")["gun_temp", 1] == new


def test_other_edits_keep_the_id() -> None:
    reg, _ = registry(None, "A")
    old = point(reg, "gun_temp")
    spec = replace(TEMP, every=60_000_000, plausible=Plausible(max=100.0))
    version = reg.version
    assert reg.apply(wanted("A", profile=replace(CHARGER, points=(spec, STATUS, CABINET)))) == []
    assert point(reg, "gun_temp") == replace(old, every=60_000_000, plausible=Plausible(max=100.0))
    assert reg.version > version


def test_a_device_with_more_components_adds_points() -> None:
    reg, _ = registry(None, "A")
    before = dict(reg.points("dc"))
    reg.apply(DeclaredInventory(devices=(device("A"), device("B", components=4)), profiles=(CHARGER,)))
    after = reg.points("dc")
    assert ("gun_temp", 4) in after
    assert all(after[key] == value for key, value in before.items())


def test_pending_names_each_id_once_until_it_is_on_disk() -> None:
    reg, rows = registry(None, "A")
    temp = point(reg, "gun_temp")
    batch = batch_of([[Reading(1, temp.id, i, 1.0, received=1) for i in range(5)]])
    assert reg.pending(batch) == (DeviceDefined(1, "t1", "A", "dc"), PointDefined("t1", temp))
    assert len(written(reg, batch)) == 2
    assert reg.pending(batch) == ()
    reg.redefine()
    assert len(reg.pending(batch)) == 2
    assert rows.devices[1].code == "A"


def test_pending_after_an_edit_defines_again() -> None:
    reg, _ = registry(None, "A")
    batch = one(1, point(reg, "gun_temp").id)
    written(reg, batch)
    other = replace(CHARGER, id="dc2")
    reg.apply(DeclaredInventory(devices=(replace(device("A"), profile="dc2"),), profiles=(CHARGER, other)))
    assert reg.pending(batch) == (DeviceDefined(1, "t1", "A", "dc2"),)


@pytest.mark.parametrize(("device_id", "point_id"), [(99, 1), (1, 99), (0, 1), (1, -1)])
def test_an_id_never_given_is_refused(device_id: int, point_id: int) -> None:
    reg, _ = registry(None, "A")
    with pytest.raises(KeyError, match="never given"):
        reg.pending(one(device_id, point_id))


def test_state_texts_grow_in_one_table_for_all_components() -> None:
    reg, _ = registry(None, "A")
    first, second = point(reg, "status", 1).id, point(reg, "status", 2).id
    written(reg, one(1, first))
    assert reg.state_code(first, "charging") == 1
    assert reg.state_code(first, "fault") == 2
    assert reg.state_code(second, "fault") == 2
    assert reg.state_code(second, "offline") == 3
    (define,) = reg.pending(one(1, first))
    assert isinstance(define, PointDefined)
    assert define.point.values == ("idle", "charging", "fault", "offline")


def test_a_table_that_grew_while_it_was_written_stays_pending() -> None:
    reg, _ = registry(None, "A")
    status = point(reg, "status").id
    batch = one(1, status)
    defines = reg.pending(batch)
    assert reg.state_code(status, "fault") == 2
    reg.journaled(defines)
    assert [type(d) for d in reg.pending(batch)] == [PointDefined]


def test_hostile_texts_are_refused_and_counted() -> None:
    reg, _ = registry(None, "A", allowance=Allowance(learned=1, longest=8))
    status = point(reg, "status").id
    assert reg.state_code(status, "x" * 9) is None
    assert reg.state_code(status, "fault") == 2
    assert reg.state_code(status, "more") is None
    assert reg.state_code(status, "idle") == 0
    assert reg.state_code(point(reg, "gun_temp").id, "idle") is None
    assert reg.refused_texts == 2


def test_what_is_named_is_there_from_the_start_and_never_refused() -> None:
    """B8: one device that sent 260 made-up codes made the fleet deaf to smoke and short-circuit codes."""
    reg, rows = registry()
    reg.apply(replace_texts(wanted("A", "B"), ("smoke", "short", "idle")))
    status = point(reg, "status").id
    assert rows.points[status].values == ("idle", "charging", "smoke", "short")
    codes = [reg.state_code(status, f"made up {n}", 1) for n in range(260)]
    assert codes == [*range(4, 68), *[None] * 196]
    assert [reg.state_code(status, text, 1) for text in ("smoke", "short", "made up 0")] == [2, 3, 4]
    assert reg.state_code(status, "door open", 2) == 68  # the room of others is not used up
    assert reg.refused_texts == 196
    (refused,) = reg.refused()
    assert (refused.device, refused.count, refused.text, refused.why) == (1, 196, "made up 259", "device")


def test_the_room_of_all_together_has_a_bound_and_what_is_named_later_needs_none() -> None:
    reg, _ = registry(None, "A", "B", allowance=Allowance(per_device=2, learned=3))
    status = point(reg, "status").id
    assert [reg.state_code(status, text, 1) for text in "abc"] == [2, 3, None]
    assert [reg.state_code(status, text, 2) for text in "bde"] == [3, 4, None]
    assert [(one.device, one.why) for one in reg.refused()] == [(1, "device"), (2, "full")]
    reg.apply(replace_texts(wanted("A", "B"), ("e", "a")))  # a rule names them now: one counts no more, one is there
    assert point(reg, "status").values == ("idle", "charging", "a", "b", "d", "e")
    assert point(reg, "status", 2).brought == (0, 0, 0, 1, 2)
    assert [reg.state_code(status, text, 1) for text in "ecf"] == [5, 6, None]


def test_clearing_makes_room_and_moves_no_code() -> None:
    reg, rows = registry(None, "A", "B", allowance=Allowance(per_device=1, learned=2))
    status = point(reg, "status").id
    assert [reg.state_code(status, "a", 1), reg.state_code(status, "b", 2)] == [2, 3]
    assert [reg.state_code(status, "c", 1), reg.state_code(status, "d", 2)] == [None, None]
    assert reg.clear_texts("dc", "status", 1) == 1
    assert rows.points[status].brought == (0, 0, 0, 2)  # saved at once
    assert [one.device for one in reg.refused()] == [2]
    assert reg.state_code(status, "c", 1) == 4
    assert reg.clear_texts("dc", "status") == 2
    assert reg.refused() == ()
    assert [reg.state_code(status, text, 2) for text in "abcd"] == [2, 3, 4, 5]
    with pytest.raises(KeyError):
        reg.clear_texts("dc", "gun_temp")
    with pytest.raises(KeyError):
        reg.clear_texts("dc", "nothing")


def test_a_restart_gives_no_device_new_room() -> None:
    reg, rows = registry(None, "A", allowance=Allowance(per_device=2))
    status = point(reg, "status").id
    assert [reg.state_code(status, text, 1) for text in "ab"] == [2, 3]
    reg.save_texts()
    again, _ = registry(rows, "A", allowance=Allowance(per_device=2))
    assert [again.state_code(status, text, 1) for text in "abc"] == [2, 3, None]
    crashed = Registry(Rows(**{**vars(rows), "points": {**rows.points}}), "t1", Wall(), Allowance(per_device=2))
    assert crashed.state_code(status, "c", 7) == 4
    defines = crashed.pending(one(1, status))
    after, _ = registry(rows, allowance=Allowance(per_device=2))  # the process died before save_texts
    after.recover(defines)
    assert point(after, "status").brought == (0, 0, 1, 1, 7)
    assert [after.state_code(status, text, 1) for text in "abcd"] == [2, 3, 4, None]


TEXTS = st.sampled_from(["idle", "smoke", "a", "b", "c", "d", "e", "f"])
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), TEXTS, st.integers(0, 3)),
        st.tuples(st.just("name"), TEXTS, st.just(0)),
        st.tuples(st.just("clear"), st.just(""), st.integers(0, 2)),
        st.tuples(st.just("restart"), st.just(""), st.just(0)),
    ),
    max_size=30,
)


@given(ACTS)
def test_a_text_has_one_number_for_ever(acts: list[tuple[str, str, int]]) -> None:
    """Whatever is learned, named, cleared or started anew: the same text, the same number, in all components."""
    allowance = Allowance(per_device=2, learned=4)
    reg, rows = registry(None, "A", allowance=allowance)
    known: dict[str, int] = {"idle": 0, "charging": 1}
    named: set[str] = set()
    for act, text, device in acts:
        status = point(reg, "status", 1 + device % 2).id
        if act == "say":
            code = reg.state_code(status, text, device)
            assert code == known.get(text, code)
            assert code is not None or text not in named
            if code is not None:
                known[text] = code
        elif act == "name":
            named.add(text)
            reg.apply(replace_texts(wanted("A"), sorted(named)))
            known |= {text: point(reg, "status").values.index(text)}
        elif act == "clear":
            reg.clear_texts("dc", "status", device or None)
        else:
            reg.save_texts()
            reg, _ = registry(rows, allowance=allowance)
        for component in (1, 2):
            table = point(reg, "status", component).values
            assert {text: table.index(text) for text in known} == known
            assert len(set(table)) == len(table)


def test_grown_texts_reach_the_store_and_survive_edits_of_the_profile() -> None:
    reg, rows = registry(None, "A")
    status = point(reg, "status").id
    reg.state_code(status, "fault")
    assert reg.save_texts() == 2
    assert reg.save_texts() == 0
    assert rows.points[status].values == ("idle", "charging", "fault")
    reg.apply(wanted("A", profile=replace(CHARGER, points=(replace(STATUS, values=("new", "charging")),))))
    assert point(reg, "status").values == ("idle", "charging", "fault", "new")


def test_texts_that_could_not_be_saved_are_saved_later() -> None:
    reg, rows = registry(None, "A")
    reg.state_code(point(reg, "status").id, "fault")
    rows.down = True
    with pytest.raises(StoreUnavailable):
        reg.save_texts()
    rows.down = False
    assert reg.save_texts() == 2


def test_after_a_crash_the_journal_gives_the_texts_back() -> None:
    reg, rows = registry(None, "A")
    first, second = point(reg, "status", 1), point(reg, "status", 2)
    reg.state_code(first.id, "fault")
    defines = reg.pending(one(1, first.id))
    again = Registry(rows, "t1", Wall())  # the process died before save_texts
    assert again.recover(defines) == 2
    assert again.state_code(first.id, "fault") == 2
    assert again.state_code(second.id, "fault") == 2
    assert again.state_code(second.id, "other") == 3
    assert again.save_texts() == 2
    foreign = [PointDefined("t2", replace(first, values=("idle", "charging", "x", "y", "z")))]
    assert again.recover(foreign) == 0


def test_a_failed_save_changes_nothing() -> None:
    reg, rows = registry(None, "A")
    version = reg.version
    rows.down = True
    with pytest.raises(StoreUnavailable):
        reg.apply(wanted("A", "B"))
    assert reg.version == version
    assert reg.device("B") is None
    rows.down = False
    assert [type(f) for f in reg.apply(wanted("A", "B"))] == [DeviceSet]


def test_texts_that_grow_while_the_store_writes_keep_their_codes() -> None:
    rows = Rows()
    reg, _ = registry(rows, "A")
    status = point(reg, "status").id

    class Growing(Rows):
        def save(self, changed: RegistryContents, facts: Sequence[Fact]) -> None:
            assert reg.state_code(status, "live") == 2
            rows.save(changed, facts)

    reg._store = Growing()
    declared = replace(STATUS, values=("idle", "charging", "declared"))
    reg.apply(wanted("A", profile=replace(CHARGER, points=(TEMP, declared, CABINET))))
    reg._store = rows
    assert reg.state_code(status, "live") == 2
    assert reg.state_code(status, "declared") == 3
    reg.save_texts()
    assert rows.points[status].values == ("idle", "charging", "live", "declared")


CODES = st.sampled_from(["A", "B", "C", "D"])
STEPS = st.lists(
    st.tuples(
        st.dictionaries(CODES, st.integers(0, 3), max_size=4),
        st.sampled_from(["degC", "kW"]),
        st.integers(1, 3),
        st.booleans(),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_no_history_of_lists_ever_renumbers(steps: list[tuple[dict[str, int], str, int, bool]]) -> None:
    rows = Rows()
    reg = Registry(rows, "t1", Wall())
    ids: dict[str, int] = {}
    meaning: dict[int, tuple[str, str, int, str, int]] = {}
    for guns, unit, revision, restart in steps:
        profile = replace(CHARGER, points=(replace(TEMP, unit=unit, revision=revision), STATUS), components=0)
        devices = tuple(device(code, components=n) for code, n in guns.items())
        reg.apply(DeclaredInventory(devices=devices, profiles=(profile,)))
        assert reg.apply(DeclaredInventory(devices=devices, profiles=(profile,))) == []
        for row in rows.devices.values():
            assert ids.setdefault(row.code, row.id) == row.id
            assert (row.life is Life.IN_SERVICE) == (row.code in guns)
        for p in rows.points.values():
            key = (p.profile, p.name, p.component, p.unit, p.revision)
            assert meaning.setdefault(p.id, key) == key
        for (name, component), p in reg.points("dc").items():
            if component <= max(guns.values(), default=0):
                assert p.unit == (unit if name == "gun_temp" else "")
        if restart:
            before = (reg.contents(), {c: reg.device(c) for c in ids}, dict(reg.points("dc")))
            reg = Registry(rows, "t1", Wall())
            after = (reg.contents(), {c: reg.device(c) for c in ids}, dict(reg.points("dc")))
            assert _sets(before[0]) == _sets(after[0])
            assert before[1:] == after[1:]


def _sets(known: RegistryContents) -> list[list[str]]:
    rows = (known.sites, known.customers, known.devices, known.points)
    return [sorted(map(repr, each)) for each in rows]
