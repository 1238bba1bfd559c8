"""One PostgreSQL server for all tests of a process, with a schema of its own for each."""

import atexit
from contextlib import ExitStack
from functools import cache
from itertools import count
from typing import Any

from simulators.postgres_server import PASSWORD, PostgresProcess, postgres

_number = count(1)


@cache
def server() -> PostgresProcess:
    """Started when first asked for. Without syncs: no test cuts the power of the machine."""
    opened = ExitStack()
    atexit.register(opened.close)
    return opened.enter_context(postgres({"fsync": "off"}))


def settings(port: int | None = None, **more: Any) -> dict[str, Any]:
    """Of a store in a schema that is not there yet."""
    return {
        "type": "postgres",
        "port": port or server().port,
        "database": "postgres",
        "user": "postgres",
        "password": PASSWORD,
        "schema_name": f"t{next(_number)}",
        **more,
    }
