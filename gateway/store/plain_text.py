"""Text for PostgreSQL, which cannot store the character NUL: SQLite can, and devices send it."""

from typing import Any

from psycopg import Connection
from psycopg.types.string import StrDumperUnknown

REPLACED = "\ufffd"


class PlainTextDumper(StrDumperUnknown):
    """NUL becomes the replacement character."""

    def dump(self, obj: str) -> Any:
        """The bytes of the text."""
        return super().dump(obj.replace("\0", REPLACED) if "\0" in obj else obj)


def prepare(connection: "Connection[Any]") -> None:
    """Use it for every text of this connection."""
    connection.adapters.register_dumper(str, PlainTextDumper)
