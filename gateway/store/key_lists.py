"""Conditions on many keys at once, as one parameter: the statement is the same for any number of keys."""

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    CursorResult,
    Dialect,
    Select,
    Text,
    TypeDecorator,
    bindparam,
    func,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine


class _Keys(TypeDecorator[Sequence[Any]]):
    """A list of texts or of numbers: an array of PostgreSQL, JSON text for SQLite."""

    impl = Text
    cache_ok = True

    def __init__(self, *, numbers: bool = False) -> None:
        super().__init__()
        self.numbers = numbers

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Overrides SQLAlchemy."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        return dialect.type_descriptor(ARRAY(BigInteger if self.numbers else Text))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Overrides SQLAlchemy."""
        return orjson.dumps(value).decode() if dialect.name == "sqlite" else value


class _Listed(FunctionElement[Any]):
    """The comparison with the keys."""

    inherit_cache = True
    name = "listed"


@compiles(_Listed, "sqlite")
def _for_sqlite(element: _Listed, compiler: SQLCompiler, **options: Any) -> str:
    return f"IN (SELECT value FROM json_each({compiler.process(element.clauses, **options)}))"  # noqa: S608 - a parameter


@compiles(_Listed, "postgresql")
def _for_postgresql(element: _Listed, compiler: SQLCompiler, **options: Any) -> str:
    return f"= ANY ({compiler.process(element.clauses, **options)})"


def among(column: ColumnElement[Any], keys: Sequence[Any]) -> ColumnElement[bool]:
    """True where the column has one of these keys: all texts, or all whole numbers."""
    return column.bool_op("")(_Listed(_parameter(keys)))


def rows_of(
    connection: Connection, rows: Select[Any], column: ColumnElement[Any], keys: Sequence[Any]
) -> CursorResult[Any]:
    """`rows` whose column has one of these keys. A server looks up key by key: where statistics are missing or old, it
    would compare every row of the tenant with every key."""
    if connection.dialect.name == "sqlite":
        return connection.execute(rows.where(among(column, keys)))
    wanted = func.unnest(_parameter(keys)).table_valued("key", name="wanted").render_derived()
    found = rows.where(column == wanted.c.key).offset(0).lateral()  # OFFSET keeps it apart from the rest of the plan
    return connection.execute(select(found).select_from(wanted).join(found, true()))


def _parameter(keys: Sequence[Any]) -> BindParameter[Any]:
    plain = [int(key) if isinstance(key, int) else str(key) for key in dict.fromkeys(keys)]
    numbers = bool(plain) and isinstance(plain[0], int)
    return bindparam(None, plain, type_=_Keys(numbers=numbers))
