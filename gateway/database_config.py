"""`database:` of the configuration: where registry, alarms, work orders and deliveries are kept."""

import re
from typing import Any, Final, Literal
from urllib.parse import unquote

from pydantic import model_validator

from gateway.postgres_connection import Identifier, PostgresConnection
from gateway.section import wrong

SQLITE: Final = "sqlite"
_URL = re.compile(
    r"postgres(?:ql)?(?:\+psycopg)?://"
    r"(?:(?P<user>[^:@/]+)(?::(?P<password>.*))?@)?(?P<host>[^@/:?#]*)(?::(?P<port>\d{1,5}))?/(?P<database>[^/?#@]+)",
    re.DOTALL,
)


class DatabaseConfig(PostgresConnection):
    """`sqlite` (a file in the data folder), a URL `postgresql://USER@HOST:PORT/NAME`, or its parts with further keys.

    The password never stays in the URL: it becomes `password`.
    """

    type: Literal["sqlite", "postgresql"] = SQLITE
    schema_name: Identifier = "fieldgate_desk"
    """The schema of the tables: one gateway each. Not that of a store of readings."""

    @model_validator(mode="before")
    @classmethod
    def _from_url(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {} if value == SQLITE else parts(value)
        if isinstance(value, dict) and "url" in value:
            rest = {key: item for key, item in value.items() if key != "url"}
            if twice := sorted(rest.keys() & {"host", "port", "database", "user", "type"}):
                raise wrong("database.url_and", name=twice[0])
            found = {} if value["url"] == SQLITE else parts(value["url"])
            if "password" in found and rest.keys() & {"password", "password_file"}:
                raise wrong("postgres.password_once")
            value = found | rest
        if isinstance(value, dict) and value and value.get("type", SQLITE) == SQLITE:
            raise wrong("database.no_server")
        return value

    @property
    def embedded(self) -> bool:
        """True if the database is a file of the data folder."""
        return self.type == SQLITE


def parts(url: object) -> dict[str, str]:
    """The keys of the section a URL stands for; encoded characters (`%40`) are decoded. Raises PydanticCustomError,
    without the URL: it may hold a password."""
    match = _URL.fullmatch(url) if isinstance(url, str) else None
    if match is None:
        raise wrong("database.url")
    found = {key: unquote(text) for key, text in match.groupdict().items() if text}
    return {"type": "postgresql", **found}
