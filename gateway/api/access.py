"""Access control: keys, roles, permissions, sites."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, cast

from fastapi import Depends, Request

from gateway.api.values import refused
from gateway.domain.device import Device
from gateway.domain.workorder import Actor, Role
from gateway.store import AuditedAct
from gateway.store.keys_and_callbacks import ApiKey


class Permission(StrEnum):
    """Permission that a route requires. For each act on an order the desk also checks its lifecycle table."""

    READ = "read"  # devices, series, alarms, orders, events
    REPORT = "report"  # tell a fault
    ACT = "act"  # acts on orders
    UNLATCH = "unlatch"  # let a latched alarm clear
    COMMAND = "command"  # request a command to a device, take it back, settle it
    APPROVE = "approve"  # approve or refuse a command of another person
    OPERATE = "operate"  # deliveries, endpoints, dead letters: look
    REPAIR = "repair"  # deliver again, enable an endpoint
    EXCHANGE = "exchange"  # tell that a meter was exchanged
    CORRECT = "correct"  # correct readings
    KEYS = "keys"  # API keys


P = Permission
_WORK = frozenset({P.READ, P.REPORT, P.ACT, P.UNLATCH})
PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: frozenset({P.READ}),
    Role.ENGINEER: _WORK | {P.COMMAND, P.EXCHANGE},
    Role.OPERATOR: _WORK | {P.COMMAND, P.OPERATE, P.EXCHANGE},
    Role.INTEGRATOR: _WORK | {P.OPERATE, P.EXCHANGE},
    Role.SUPERVISOR: _WORK | {P.COMMAND, P.APPROVE, P.OPERATE, P.REPAIR, P.EXCHANGE, P.CORRECT},
    Role.ADMIN: frozenset(P),
    Role.SYSTEM: frozenset(),  # the desk itself: no key has this role
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Holder of a key, with the address of the request. The key's name is the id of a person or a system: orders are
    assigned to it."""

    key: ApiKey
    address: str = ""

    def audited(self, at: int, act: str, subject: str = "", detail: str = "") -> AuditedAct:
        """Row for the audit about an act of this caller at `at` µs."""
        return AuditedAct(at, self.key.name, self.address, act, subject, detail)

    @property
    def actor(self) -> Actor:
        """The caller as actor of a desk command."""
        return Actor(self.key.name, self.key.role)

    def may(self, permission: Permission) -> bool:
        """True if the role of the caller has this permission."""
        return permission in PERMISSIONS[self.key.role]

    def sees(self, device: Device | None, group: str = "") -> bool:
        """True if the caller may see the device or group. A key that is bound to sites does not see devices of other
        sites, nor groups over several sites."""
        return not self.key.sites or (device.site if device is not None else group) in self.key.sites


def allowed(permission: Permission, *, everywhere: bool = False) -> Callable[[Request], Awaitable[Principal]]:
    """Dependency that returns the caller if their role has `permission`. `everywhere`: refuses keys that are bound
    to sites."""

    async def check(request: Request) -> Principal:
        principal = cast(Principal, request.state.principal)
        if not principal.may(permission):
            raise refused(403, "role", role=principal.key.role.value, permission=permission.value)
        if everywhere and principal.key.sites:
            raise refused(403, "scope")
        return principal

    return check


Reader = Annotated[Principal, Depends(allowed(P.READ))]
FeedReader = Annotated[Principal, Depends(allowed(P.READ, everywhere=True))]
Reporter = Annotated[Principal, Depends(allowed(P.REPORT))]
Worker = Annotated[Principal, Depends(allowed(P.ACT))]
Commander = Annotated[Principal, Depends(allowed(P.COMMAND))]
Approver = Annotated[Principal, Depends(allowed(P.APPROVE))]
Unlatcher = Annotated[Principal, Depends(allowed(P.UNLATCH))]
Operator = Annotated[Principal, Depends(allowed(P.OPERATE, everywhere=True))]
Repairer = Annotated[Principal, Depends(allowed(P.REPAIR, everywhere=True))]
MeterChanger = Annotated[Principal, Depends(allowed(P.EXCHANGE))]
Corrector = Annotated[Principal, Depends(allowed(P.CORRECT))]
KeyKeeper = Annotated[Principal, Depends(allowed(P.KEYS, everywhere=True))]
