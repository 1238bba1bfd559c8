"""Messages that a source reads by itself (rows of a query, lines of a file), and their way to the journal."""

from dataclasses import dataclass

from gateway.domain.record import Parcel
from gateway.ports import Emit
from protocols.mapping.mapper import Mapped, Mapper
from protocols.mapping.message_stats import MessageStats
from protocols.mapping.unused_log import log_unused


@dataclass(slots=True)
class ReadMessage:
    """One message as the mapper takes it."""

    topic: str
    payload: bytes
    retain: bool = False


async def emit_mapped(source: str, mapper: Mapper, mapped: Mapped, count: int, stats: MessageStats, emit: Emit) -> None:
    """Emit what `count` messages became, and count it when it is on disk; what the journal did not take was returned.
    A parcel without messages is not emitted."""
    stats.received += count
    stats.waiting += count
    parcel = Parcel(source, mapped.batch, mapped.rejected, partial=mapped.partial, messages=count - mapped.ignored)
    try:
        if parcel.messages:
            await emit(parcel)
    except BaseException:
        stats.returned += count
        raise
    finally:
        stats.waiting -= count
    stats.misfits = len(mapper.bindings.misfits)
    for first in stats.journal(mapped, 0):
        log_unused(source, first)
