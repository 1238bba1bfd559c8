"""Applies a changed configuration to the running gateway; unchanged parts are not disturbed.

Everything that can fail is prepared first. Then the device list and the rules are journaled as facts, then desk,
endpoints and sources follow. All of it may be repeated: a step that is done finds no difference.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.app.in_force import ProjectInForce
from gateway.app.progress import PipelineProgress
from gateway.app.reload import CONFIGURATION, RuleJournal, named, rule_changes
from gateway.app.running_endpoints import RunningEndpoints
from gateway.app.running_sources import RunningSources
from gateway.intake import ControlPump
from gateway.ports import Blocking, Sink, Source
from gateway.registry import Registry
from gateway.settings.project import Project

Adjust = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class PartFactory:
    """Builders for the parts of a project, from `gateway.app.build`. Each raises ConfigError.

    `adjust` (a running source, before, after) returns the call that applies the new configuration to it, True = its
    task must restart; None when a source of another kind has this name now. `desk` returns a call for the desk's
    thread.
    """

    sink: Callable[[Project, str], Sink]
    source: Callable[[Project, str], Source]
    adjust: Callable[[Source, Project, Project], Adjust | None]
    desk: Callable[[Project], Callable[[], None]]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """New sinks and sources, and the calls that adjust the sources that stay."""

    sinks: Mapping[str, Sink]
    sources: Mapping[str, Source]
    adjust: Mapping[str, Adjust]
    decide: Callable[[], None]


@dataclass(frozen=True, slots=True)
class ApplyChanges:
    """`gateway.app.reload.Apply` of the running gateway. Runs on the event loop."""

    make: PartFactory
    in_force: ProjectInForce
    registry: Registry
    desk_thread: Blocking
    pump: ControlPump
    rule_journal: RuleJournal
    progress: PipelineProgress
    delivery: RunningEndpoints
    sources: RunningSources

    async def __call__(self, after: Project, actor: str) -> list[str]:
        """Apply `after` and return the changes in words. Raises ConfigError (nothing is changed) and StoreError
        (call again)."""
        before = self.in_force.project
        prepared = self._prepare(before, after)
        facts = await self.desk_thread(lambda: self.registry.apply(after.declared))
        await self.pump.pump()
        await self.desk_thread(prepared.decide)
        rules = await self.rules(after, actor)
        self.in_force.use(after)
        changed = [*map(named, facts), *rules]
        endpoints = await self.delivery.replace(after.settings.endpoints, prepared.sinks, CONFIGURATION)
        changed += [f"endpoint {name}" for name in endpoints]
        return changed + [f"source {name}" for name in await self._sources(before, after, prepared)]

    async def rules(self, project: Project, actor: str) -> list[str]:
        """Journal the changed rules of `project` and return them, once the engine has taken them; otherwise the next
        comparison would report them again."""
        engine = self.progress.rules.status
        changed = rule_changes(project.rulebook, project.settings.timezone, engine, actor)
        if changed:
            await self.progress.wait_judged((await self.rule_journal(changed))[-1])
        return [named(fact) for fact in changed]

    def _prepare(self, before: Project, after: Project) -> _Prepared:
        old, new = before.settings, after.settings
        sinks = {
            name: self.make.sink(after, name)
            for name, config in new.endpoints.items()
            if name not in self.delivery.sinks or config != old.endpoints.get(name)
        }
        adjust, sources = {}, {}
        for name in new.sources:
            running = self.sources.running.get(name)
            follow = None if running is None else self.make.adjust(running, before, after)
            if follow is None:
                sources[name] = self.make.source(after, name)
            else:
                adjust[name] = follow
        return _Prepared(sinks, sources, adjust, self.make.desk(after))

    async def _sources(self, before: Project, after: Project, prepared: _Prepared) -> list[str]:
        again = [name for name, follow in prepared.adjust.items() if follow()]
        running, old, new = self.sources.running, before.settings.sources, after.settings.sources
        gone = await self.sources.replace({name: prepared.sources.get(name) or running[name] for name in new}, again)
        return sorted({name for name in new if old.get(name) != new[name]} | {*gone})
