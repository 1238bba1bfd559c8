"""Puts the sender of commands to devices together with the rest of the gateway."""

from collections.abc import Callable, Mapping
from functools import partial

from gateway.api.context import CommandAccess
from gateway.app.in_force import ProjectInForce
from gateway.app.stores import OpenStores
from gateway.app.threads import Threads
from gateway.device_commands import CommandRequests, CommandSender, SenderServices
from gateway.domain.device import Device
from gateway.domain.device_command.allowed import AllowedCommand
from gateway.ports import Clock, Source


def command_sender(
    in_force: ProjectInForce,
    stores: OpenStores,
    threads: Threads,
    clock: Clock,
    sources: Callable[[], Mapping[str, Source]],
) -> CommandSender:
    """The sender; `sources`: those that run."""
    services = SenderServices(
        store=stores.sql.device_commands,
        desk_thread=threads.desk,
        clock=clock,
        allowed=partial(_allowed, in_force),
        registry=stores.registry,
        sources=sources,
        latest=lambda device: threads.series(partial(stores.series.latest, device)),
    )
    return CommandSender(services)


def command_access(in_force: ProjectInForce, stores: OpenStores, sender: CommandSender) -> CommandAccess:
    """What the API does with commands."""
    allowed = partial(_allowed, in_force)
    requests = CommandRequests(stores.sql.device_commands, allowed, in_force.settings.tenant)
    return CommandAccess(requests, allowed, sender.notify, lambda: sender.counts)


def _allowed(in_force: ProjectInForce, device: Device) -> Mapping[str, AllowedCommand]:
    return in_force.project.commands.of(device)
