"""Runs a case through the engine with a virtual journal and ticks: once live with its restarts, once as a replay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from msgspec.structs import asdict, replace

from gateway.domain.alarm import Transition, canonical
from gateway.domain.device import Life
from gateway.domain.duration import SECOND
from gateway.domain.errors import ConfigError
from gateway.domain.reading import Batch
from gateway.domain.record import (
    Body,
    Closed,
    CustomerSet,
    CycleDone,
    Define,
    DeviceDefined,
    DeviceSet,
    Down,
    PointDefined,
    PolicySet,
    Record,
    RuleSet,
    SiteSet,
    Tick,
    Unlatch,
)
from rules.casetest.case_end import ZONE, until
from rules.casetest.case_input import CaseEvent, CaseInput, CaseReading, CycleWork
from rules.casetest.intake_steps import CaseIntake
from rules.casetest.things import customer_with, site_with
from rules.engine import Engine
from rules.engine.rerun import answer, history_in_memory
from rules.engine.state.thing_table import NEVER
from rules.format import compile_policy, compile_source, edit
from rules.replay import pass_time

TENANT = "test"
_ANSWERS = 8
"""Rounds of answers to history requests after one record; the next record continues."""


@dataclass(slots=True)
class PlayResult:
    """Result of a case. `agree` False: the replay from a snapshot gave `replayed` instead."""

    got: list[Transition] = field(default_factory=list)
    replayed: list[Transition] = field(default_factory=list)
    agree: bool = True


class CasePlayer:
    """Virtual journal of one case and its engine."""

    def __init__(self, inputs: CaseInput) -> None:
        self.inputs = inputs
        self.rule = inputs.rule
        self.records: list[Record] = []
        self.got: list[Transition] = []
        self.engine = Engine(0, compile_source, TENANT, compile_policy=compile_policy)
        self.clock = inputs.start
        self.devices = {device.id: device for device in inputs.devices.values()}
        self.sites = dict(inputs.sites)
        self.customers = dict(inputs.customers)
        self.batches: list[Batch] = []
        self.points = {point.id: point for point in inputs.points.values()}
        self.defined: set[Define] = set()
        self.intake = CaseIntake(self.points)

    def write(self, at: int, body: Body) -> None:
        """Append a record, step the engine, and answer its requests for history."""
        if isinstance(body, Batch):
            self.batches.append(body)
        self._append(at, body)
        for _ in range(_ANSWERS):
            if not self.engine.wanted:
                return
            for fact in answer(self.engine, history_in_memory(self.batches)):
                self._append(at, fact)

    def _append(self, at: int, body: Body) -> None:
        record = Record(len(self.records) + 1, at, body)
        self.records.append(record)
        self.got += self.engine.step(record)

    # --- `TimedEngine`: ticks at whole seconds after the start; those at which nothing can be due are left out
    @property
    def now(self) -> int:
        """Time of the newest tick, µs."""
        return self.clock

    def due(self) -> int:
        """The next second at which a timer can be due, µs; NEVER when nothing waits."""
        due, start = self.engine.next_due(), self.inputs.start
        return NEVER if due is None else start - (start - max(due, self.clock + 1)) // SECOND * SECOND

    def tick(self, now: int) -> None:
        """Write the tick of this moment."""
        self.clock = now
        self.write(now, Tick(now))

    def _pass_time(self, until: int) -> None:
        """Write the ticks up to `until` µs, at least the last one: re-evaluation goes up to engine time."""
        pass_time(self, self.inputs.start + (until - self.inputs.start) // SECOND * SECOND)

    def run(self) -> None:
        """Run the whole case."""
        inputs = self.inputs
        self._prepare()
        deliveries = [(at, list(group)) for at, group in groupby(inputs.values, key=lambda values: values.received)]
        events = sorted(inputs.events, key=lambda one: one.at)
        end = inputs.until if inputs.until is not None else until(inputs)
        away = 0
        while deliveries or events:
            at = max(away, min([when for when, _ in deliveries[:1]] + [one.at for one in events[:1]]))
            if at > end and inputs.until is not None:
                break
            self._pass_time(at - 1)
            while deliveries and max(deliveries[0][0], away) <= at:
                when, group = deliveries.pop(0)
                self._deliver(group, max(when, at))
            while events and max(events[0].at, away) <= at:
                away = max(away, self._apply_event(events.pop(0), at))
            if away <= at:
                self._pass_time(at)
        self._pass_time(end)

    def _deliver(self, values: Sequence[CaseReading], received: int) -> None:
        """Write readings to the journal. Those of devices not in service are dropped, as the registry does not have
        them."""
        in_service = [one for one in values if self.devices[one.device].life is Life.IN_SERVICE]
        for define in self._defines(in_service):
            self.defined.add(define)
            self.write(received, define)
        if in_service:
            self.write(received, self.intake.take(in_service, received))

    def _defines(self, values: Sequence[CaseReading]) -> list[Define]:
        """Definitions to write before the first reading of a device, and of a point."""
        devices = [self.devices[number] for number in dict.fromkeys(one.device for one in values)]
        points = [self.points[number] for number in dict.fromkeys(one.point for one in values)]
        found: list[Define] = [DeviceDefined(one.id, TENANT, one.code, one.profile) for one in devices]
        found += [PointDefined(TENANT, point) for point in points]
        return [define for define in found if define not in self.defined]

    def _prepare(self) -> None:
        start = self.inputs.start
        for site in self.sites.values():
            self.write(start, SiteSet(site))
        for customer in self.customers.values():
            self.write(start, CustomerSet(customer))
        for device in self.devices.values():
            self.write(start, DeviceSet(device))
        if self.inputs.policy:
            self.write(start, PolicySet(self.inputs.policy, ZONE))
        for rule in (*self.inputs.others, self.rule):
            self.write(start, RuleSet(rule.id, rule.revision, rule.source, ZONE))

    def _apply_event(self, event: CaseEvent, at: int) -> int:
        """Apply an event. Returns the time until which the gateway is down, 0 = it is up."""
        value = event.value if isinstance(event.value, Mapping) else {}
        match event.what:
            case "restart":
                back = at + (event.value if isinstance(event.value, int) else 0)
                self.engine = Engine.restore(self.engine.snapshot(), compile_source, compile_policy=compile_policy)
                last = self.clock
                self.clock = back
                self.write(back, Down(last, back))
                self.write(back, Tick(back))  # as a gateway does before any source connects
                return back
            case "set":
                self._set(event, value, at)
            case "site" | "customer":
                self._place(event, value, at)
            case "edit":
                self._edit(event, value, at)
            case "exchange":
                for fact in event.value if isinstance(event.value, tuple) else ():
                    self.intake.exchange(fact)
                    self.write(at, fact)
            case _:
                self.write(at, self._act(event))
        return 0

    def _act(self, event: CaseEvent) -> Body:
        """Apply an act of a person at the desk."""
        device, component = (0, 0) if event.group else (event.device, event.component)
        if event.what == "unlatch":
            return Unlatch(self.rule.id, device, component, group=event.group, identity=event.identity)
        if event.what == "closed":
            return Closed(self.rule.id, device, component, "test", group=event.group, identity=event.identity)
        work = event.value if isinstance(event.value, CycleWork) else CycleWork(None)
        return CycleDone(self.rule.id, device, component, work.reading, at=work.done)

    def _edit(self, event: CaseEvent, value: Mapping[str, object], at: int) -> None:
        inputs = self.inputs
        line = inputs.case.lines.get(event.where, inputs.case.line)
        path = f"{inputs.case.path}.{event.where}"
        self.rule = edit(self.rule, value, inputs.tests.names, inputs.case.file, path, line)
        self.write(at, RuleSet(self.rule.id, self.rule.revision, self.rule.source, ZONE))

    def _place(self, event: CaseEvent, value: Mapping[str, object], at: int) -> None:
        """Merge values into sites or customers."""
        for code, table in value.items():
            changes, where = (table if isinstance(table, Mapping) else {}), f"{event.where}.{code}"
            if event.what == "site":
                self.sites[code] = site_with(self.inputs, self.sites[code], changes, where)
                self.write(at, SiteSet(self.sites[code]))
            else:
                self.customers[code] = customer_with(self.inputs, self.customers[code], changes, where)
                self.write(at, CustomerSet(self.customers[code]))

    def _set(self, event: CaseEvent, value: Mapping[str, object], at: int) -> None:
        """Merge values into the device: `set: {attrs: {..}, life: retired}`, `set: {site: s2}`."""
        device = self.devices[event.device]
        changed = asdict(device)
        for key, new in value.items():
            if key == "attrs" and isinstance(new, Mapping):
                changed["attrs"] = {**device.attrs, **{str(k): v for k, v in new.items()}}
            elif key == "life" and new in {life.value for life in Life}:
                changed["life"] = Life(str(new))
            elif key in {"site", "name", "customer"} and isinstance(new, str):
                changed[key] = new
            elif key == "tags" and isinstance(new, list):
                changed["tags"] = tuple(str(tag) for tag in new)
            else:
                raise ConfigError(
                    [
                        self.inputs.case.problem(
                            event.where,
                            "casetest.shape",
                            value={key: new},
                            write="attrs: {..}, life: retired, site: s1, name, customer or tags: [..]",
                        )
                    ]
                )
        self.devices[event.device] = replace(device, **{k: v for k, v in changed.items() if k != "id"})
        self.write(at, DeviceSet(self.devices[event.device]))


def play(inputs: CaseInput) -> PlayResult:
    """Run the case live, then replay its journal from a snapshot in the middle. Raises ConfigError for a bad edit."""
    stage = CasePlayer(inputs)
    stage.run()
    replayed = replay(stage.records, len(stage.records) // 2)
    agree = [canonical(one) for one in stage.got] == [canonical(one) for one in replayed]
    return PlayResult(stage.got, replayed, agree)


def replay(records: Sequence[Record], middle: int) -> list[Transition]:
    """The same records through an engine that is lost after `middle` of them and restored from its snapshot."""
    engine = Engine(0, compile_source, TENANT, compile_policy=compile_policy)
    got = [one for record in records[:middle] for one in engine.step(record)]
    engine = Engine.restore(engine.snapshot(), compile_source, compile_policy=compile_policy)
    return got + [one for record in records[middle:] for one in engine.step(record)]
