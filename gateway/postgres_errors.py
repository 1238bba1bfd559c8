"""Connections of psycopg, and its errors as errors of a store: try again, full, or refused until a person changes
something."""

import errno
import os
import re
from typing import Any, Final

import psycopg

from gateway.domain.error_reasons import reason
from gateway.domain.errors import StoreError, StoreFull, StoreRejected, StoreUnavailable
from gateway.postgres_connection import PostgresConnection

OLDEST: Final = 140_000
"""Oldest release of the server, as `server_version` has it."""
_AFTER_LOGIN = re.compile(r"closed the connection|could not|timeout|timed out|reset by peer|terminat|starting up|shut")
_READ_ONLY = re.compile(r"read-only|read-write|not a primary|in recovery")
_OF_SYSTEM = {"Connection refused": errno.ECONNREFUSED, "timeout expired": errno.ETIMEDOUT}
"""Words of libpq for errors of the system."""
_NOT_TLS = re.compile(r"certificate|\bSSL\b|\bssl|TLS")


def connected(config: PostgresConnection, **options: Any) -> "psycopg.Connection[Any]":
    """An open connection in autocommit, to a server that is new enough and keeps UTF-8. `options` of psycopg. Raises
    StoreUnavailable, StoreRejected."""
    try:
        parameters = config.connection()
    except OSError as error:
        raise StoreRejected.of("postgres.secret", path=config.password_file, what=error.strerror or error) from error
    try:
        connection = psycopg.connect(**parameters, autocommit=True, **options)  # type: ignore[arg-type]
    except psycopg.Error as error:
        raise no_login(error, config) from None
    version, encoding = connection.info.server_version, connection.info.parameter_status("server_encoding")
    if version < OLDEST or encoding != "UTF8":
        connection.close()
        if version < OLDEST:
            raise StoreRejected.of("postgres.old", place=config.address, found=version)
        raise StoreRejected.of("postgres.encoding", place=config.address, found=encoding)
    return connection


def no_login(error: psycopg.Error, config: PostgresConnection) -> StoreError:
    """Why there is no connection. The server's code of the error does not come through libpq here: what counts is
    whether the password was asked for, and words of libpq itself."""
    what = " ".join(str(error).removeprefix("connection failed: ").split())
    state = error.pgconn
    password_sent = state is not None and (state.used_password or state.needs_password)
    known = next((number for words, number in _OF_SYSTEM.items() if words in what), None)
    text = what if known is None else reason(OSError(known, os.strerror(known)))
    fields: dict[str, object] = {"place": config.address, "what": text}
    if _READ_ONLY.search(what):
        return StoreUnavailable.of("postgres.read_only", **fields)
    if "does not exist" in what and config.database in what and "role" not in what:
        return StoreRejected.of("postgres.no_database", **fields)
    if "pg_hba" in what or (password_sent and not _AFTER_LOGIN.search(what) and "too many" not in what):
        return StoreRejected.of("postgres.refused", **fields)
    if _NOT_TLS.search(what):
        return StoreRejected.of("postgres.tls", **fields)
    return StoreUnavailable.of("postgres.unreachable", **fields)


_TRY_AGAIN = ("08", "40", "53", "55", "57", "58", "XX", "23")
_BY_STATE: dict[str, tuple[type[StoreError], str]] = {
    "53100": (StoreFull, "postgres.full"),
    "25006": (StoreUnavailable, "postgres.read_only"),
    "42501": (StoreRejected, "postgres.rights"),
    "28000": (StoreRejected, "postgres.refused"),
    "28P01": (StoreRejected, "postgres.refused"),
    "3D000": (StoreRejected, "postgres.no_database"),
    "42P01": (StoreUnavailable, "postgres.gone"),
    "3F000": (StoreUnavailable, "postgres.gone"),
    "57014": (StoreUnavailable, "postgres.slow"),
    "55P03": (StoreUnavailable, "postgres.locked"),
}


def translated(error: psycopg.Error, place: str) -> StoreError:
    """Try again (no connection, restart, conflict, locked), full, or refused until a person changes something."""
    state = error.sqlstate or ""
    what = error.diag.message_primary or " ".join(str(error).split())
    if state in _BY_STATE:
        kind, key = _BY_STATE[state]
    elif not state or state.startswith(_TRY_AGAIN):
        kind, key = StoreUnavailable, "postgres.failed"
    else:
        kind, key = StoreRejected, "postgres.misfit"
    return kind.of(key, place=place, what=f"{what} ({state})" if state else what)
