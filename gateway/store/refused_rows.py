"""Rows of refused commands."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, insert, select

from gateway.domain.offline_command import PossibleAct, RefusedCommand
from gateway.store.refused_tables import refused_command
from gateway.store.row_mapping import columns, json_text

_possible = msgspec.json.Decoder(tuple[PossibleAct, ...])


def read(connection: Connection, tenant: str, command: str) -> RefusedCommand | None:
    """The refusal of the command of this id."""
    c = refused_command.c
    row = connection.execute(select(refused_command).where(c.tenant == tenant, c.id == command)).one_or_none()
    if row is None:
        return None
    value = dict(zip(columns(refused_command), row, strict=True))
    return RefusedCommand(**{**value, "possible": _possible.decode(value["possible"])})


def write(connection: Connection, refusals: Sequence[RefusedCommand]) -> None:
    """Add refusals; ids are new."""
    if refusals:
        rows = [msgspec.structs.asdict(one) | {"possible": json_text(one.possible)} for one in refusals]
        connection.execute(insert(refused_command), rows)
