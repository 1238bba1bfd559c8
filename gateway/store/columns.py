"""Kinds of columns, and the metadata that all tables join. Columns named in Python by another word (`tenant` for
tenant_id) have the name of their field in the domain values."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, Text, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Serial = BigInteger().with_variant(Integer, "sqlite")


def serial(name: str = "id") -> Column[int]:
    """A number that the database gives."""
    return Column(name, Serial, primary_key=True, autoincrement=True)


def id_(name: str = "id") -> Column[str]:
    """A key of its own."""
    return Column(name, Text, primary_key=True)


def tenant(**options: Any) -> Column[str]:
    """The tenant: part of every unique key."""
    return Column("tenant_id", Text, key="tenant", nullable=False, **options)


def text_(name: str, **options: Any) -> Column[str]:
    """Text; never null."""
    return Column(name, Text, nullable=False, **options)


def whole(name: str, **options: Any) -> Column[int]:
    """A small whole number; never null."""
    return Column(name, Integer, nullable=False, **options)


def when(name: str, **options: Any) -> Column[int]:
    """A time or length in µs; never null."""
    return Column(name, BigInteger, nullable=False, **options)


def maybe(name: str) -> Column[int]:
    """A time in µs, or null."""
    return Column(name, BigInteger, nullable=True)


def flag(name: str, **options: Any) -> Column[bool]:
    """True or false; never null."""
    return Column(name, Boolean, nullable=False, **options)


def partial_where(condition: str) -> dict[str, Any]:
    """The condition of a partial index, for both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}
