"""A gateway whose store answers the engine at once: journal, engine, history."""

from collections.abc import Iterable, Sequence

from rules_engine.engine_lab import POINTS, T0, S, bytes_of, compile_source, same_after_restarts

from gateway.domain.alarm import Transition
from gateway.domain.device import Device, Site
from gateway.domain.duration import HOUR
from gateway.domain.reading import Batch, Reading, batch_of
from gateway.domain.record import Body, DeviceSet, PointDefined, Record, RuleSet, SiteSet, Tick
from rules.compiled import Rule
from rules.engine import Engine
from rules.engine.rerun import answer, history_in_memory


class Gateway:
    """`answers` False: the store never answers. Times are seconds after T0."""

    def __init__(
        self,
        rules: Iterable[Rule],
        devices: Iterable[Device],
        sites: Iterable[Site] = (),
        *,
        answers: bool = True,
        accept_late: int = 72 * HOUR,
    ) -> None:
        self.engine = Engine(0, compile_source, "lab", accept_late=accept_late)
        self.accept_late, self.answers = accept_late, answers
        self.records: list[Record] = []
        self.batches: list[Batch] = []
        self.got: list[Transition] = []
        for site in sites:
            self.write(SiteSet(site))
        for point in POINTS.values():
            self.write(PointDefined("lab", point))
        for device in devices:
            self.write(DeviceSet(device))
        for one in rules:
            self.install(one)

    def write(self, body: Body, at: float = 0) -> list[Transition]:
        """Append a record, then the answers to what the engine wants."""
        before = len(self.got)
        self._append(body, at)
        if isinstance(body, Batch):
            self.batches.append(body)
        if self.answers:
            self.give(at)
        return self.got[before:]

    def give(self, at: float) -> None:
        """Answer all that is wanted."""
        while self.engine.wanted:
            for fact in answer(self.engine, history_in_memory(self.batches)):
                self._append(fact, at)

    def _append(self, body: Body, at: float) -> None:
        record = Record(len(self.records) + 1, T0 + round(at * S), body)
        self.records.append(record)
        self.got += self.engine.step(record)

    def install(self, one: Rule, at: float = 0) -> list[Transition]:
        """A rule takes effect."""
        return self.write(RuleSet(one.id, one.revision, one.source, "UTC"), at)

    def read(self, *frames: Sequence[Reading], at: float) -> list[Transition]:
        """A batch of frames, received at `at`."""
        return self.write(batch_of(frames), at)

    def tick(self, at: float) -> list[Transition]:
        """Engine time moves on."""
        return self.write(Tick(T0 + round(at * S)), at)

    def on(self) -> set[tuple[str, object, tuple[str, ...]]]:
        """The alarms that are on."""
        return {
            (rule, runner.space.things[thing], identity)
            for core in self.engine.evaluators
            for rule, runners in core.installed.evaluators.items()
            for runner in runners
            for thing in range(len(runner.space))
            for identity, _ in runner.on(thing)
        }

    def replayed(self, middle: int = -1) -> list[Transition]:
        """The journal alone, through an engine that is lost and restored after `middle` records."""
        engine = Engine(0, compile_source, "lab", accept_late=self.accept_late)
        got: list[Transition] = []
        for number, record in enumerate(self.records):
            if number == middle:
                engine = Engine.restore(engine.snapshot(), compile_source, accept_late=self.accept_late)
            got += engine.step(record)
        return got

    def check_replay(self) -> None:
        """Live, replay and a restart anywhere are the same bytes."""
        places = range(0, len(self.records), max(1, len(self.records) // 7))
        same_after_restarts(self.records, bytes_of(self.got), places, accept_late=self.accept_late)


def told_of(transitions: Iterable[Transition]) -> list[tuple[str, float, bool]]:
    """(change, seconds after T0, late)."""
    return [(one.change.value, (one.at - T0) / S, one.late) for one in transitions]
