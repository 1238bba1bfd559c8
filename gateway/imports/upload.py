"""Columns sent to a target in chunks."""

from collections.abc import Callable

from gateway.domain.errors import StoreUnavailable
from gateway.import_service.wire import Begin, Result
from gateway.imports.columns import Columns
from gateway.imports.target import ImportTarget, UnknownImport

Step = Callable[[int], None]
"""Called with the number of readings sent since the last call."""
_RESTARTS = 20


async def send(target: ImportTarget, columns: Columns, file: str, actor: str, step: Step) -> Result:
    """Send the whole import, from the first mark to the last. After a restart the gateway gets all chunks again and
    skips those it has. Raises GatewayError."""
    begun = await target.begin(Begin(file, actor))
    reported = 0
    for _ in range(_RESTARTS):
        count, complete = 0, True
        try:
            for chunk in columns.chunks(begun.max_bytes):
                if (await target.rows(begun.id, chunk)).next <= chunk.number:
                    complete = False
                    break
                count = chunk.number + 1
                if count > reported:
                    reported = count
                    step(len(chunk.at))
            result = await target.end(begun.id, count) if complete else None
        except UnknownImport:
            begun = await target.begin(Begin(file, actor))
            continue
        if result is not None:
            return result
    raise StoreUnavailable(f"the gateway restarted {_RESTARTS} times during the import")
