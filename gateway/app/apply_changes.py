"""A configuration that changed takes effect in the running gateway: what did not change is not disturbed.

First what can fail is made, then the device list and the rules enter the journal as facts, then desk, endpoints and
sources follow. All of it may be repeated: a step that is done finds nothing to do.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

import structlog

from gateway.app.lifecycle import App, Verify
from gateway.app.reload import CONFIGURATION, named, rule_changes
from gateway.ports import Sink, Source
from gateway.settings.project import Project
from gateway.store import Deed

log = structlog.get_logger()
TASK = "source."
Adjust = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Make:
    """What `gateway.app.build` makes of a project. Each raises ConfigError.

    `adjust` (a running source, before, after): what gives it the configuration of its name, True = its task has to
    start again; None when another kind of source stands there now. `desk`: what the desk's thread has to call.
    """

    sink: Callable[[Project, str], Sink]
    source: Callable[[Project, str], Source]
    adjust: Callable[[Source, Project, Project], Adjust | None]
    desk: Callable[[Project], Callable[[], None]]
    verify: Callable[[Project], Verify]


@dataclass(frozen=True, slots=True)
class _Made:
    """Ready to be used: sinks and sources that are new, what the sources that stay have to follow."""

    sinks: Mapping[str, Sink]
    sources: Mapping[str, Source]
    adjust: Mapping[str, Adjust]
    decide: Callable[[], None]


class Takeover:
    """`gateway.app.reload.Apply` of an app."""

    def __init__(self, app: App, make: Make) -> None:
        self._app, self._make = app, make

    async def __call__(self, after: Project, actor: str) -> list[str]:
        """What changed, in words. Raises ConfigError (nothing is changed) and StoreError (call again)."""
        app, before = self._app, self._app.project
        made = self._prepare(before, after)
        desk = app.threads.runner("desk")
        facts = await desk(lambda: app.registry.apply(after.wanted))
        await app.pump.pump()
        await desk(made.decide)
        rules = rule_changes(after.rulebook, after.settings.timezone, app.engine, actor)
        if rules:
            sequence = await app.rule_journal(rules)
            await app.judged(sequence[-1])  # else the next difference would name them again
        app.sources = {name: source for name, source in app.sources.items() if name in made.adjust}
        app.reload.project, app.verify_callback = after, self._make.verify(after)
        app.imports.profiles = {profile.id: profile for profile in after.wanted.profiles}
        changed = [*map(named, facts), *map(named, rules)]
        changed += await self._send_to(after, made.sinks)
        changed += await self._listen_to(after, made, before)
        return changed

    def _prepare(self, before: Project, after: Project) -> _Made:
        app, old, new = self._app, before.settings, after.settings
        sinks = {
            name: self._make.sink(after, name)
            for name, config in new.endpoints.items()
            if name not in app.sinks or config != old.endpoints.get(name)
        }
        adjust, sources = {}, {}
        for name in new.sources:
            running = app.sources.get(name)
            follow = None if running is None else self._make.adjust(running, before, after)
            if follow is None:
                sources[name] = self._make.source(after, name)
            else:
                adjust[name] = follow
        return _Made(sinks, sources, adjust, self._make.desk(after))

    async def _send_to(self, after: Project, fresh: Mapping[str, Sink]) -> list[str]:
        app = self._app
        before, names = app.sinks, after.settings.endpoints
        app.sinks = {name: fresh.get(name) or before[name] for name in names}
        gone = [name for name in before if name not in names]
        if not fresh and not gone:
            return []
        under_way = app.relay.use(app.sinks)
        unused = [sink for name, sink in before.items() if app.sinks.get(name) is not sink]
        if unused:
            app.leaving.append(asyncio.create_task(_close(unused, under_way)))
        app.leaving = [task for task in app.leaving if not task.done()]
        desk = app.threads.runner("desk")
        for name in fresh.keys() & before.keys():  # what it said of itself, 410 Gone, was said by the one before
            deed = Deed(app.clock.now(), CONFIGURATION, "", "endpoint.enable", name)
            if name in await desk(app.deliveries.disabled):
                await desk(partial(app.deliveries.enable, name, deed))
        await app.say_left()
        return [f"endpoint {name}" for name in (*sorted(fresh), *gone)]

    async def _listen_to(self, after: Project, made: _Made, before: Project) -> list[str]:
        """Those that go or start again are stopped first: two sessions of one name would throw each other out."""
        app = self._app
        running = {name.removeprefix(TASK) for name in app.supervisor.health if name.startswith(TASK)}
        gone = sorted(running - made.adjust.keys())
        again = [name for name, follow in made.adjust.items() if follow()]
        for name in (*gone, *again):
            await app.supervisor.end(TASK + name)
        app.sources = {name: made.sources.get(name) or app.sources[name] for name in after.settings.sources}
        for name in (*made.sources, *again):
            app.follow(app.sources[name])
        for name in gone:
            log.info("source stopped: a broker keeps its session until it expires", source=name)
        old, new = before.settings.sources, after.settings.sources
        changed = {name for name in new if old.get(name) != new[name]} | {*gone}
        return [f"source {name}" for name in sorted(changed)]


async def _close(sinks: Collection[Sink], under_way: Collection[asyncio.Task[None]]) -> None:
    if under_way:
        await asyncio.wait(under_way)
    for sink in sinks:
        await sink.close()
