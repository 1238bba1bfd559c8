"""What the gateway needs of this folder (`gateway.adapter_ports.SourceAdapter`). Parts are loaded when needed."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from gateway.adapter_ports import ConfigFindings, SourceAdapter, SourceServices
from gateway.domain.duration import format_duration
from gateway.domain.error_reasons import reason
from gateway.domain.errors import ConfigError, Problem
from gateway.domain.finding import DoctorFinding
from gateway.domain.language_values import Phrase
from gateway.domain.metric import MetricFamily
from gateway.probe_ports import SourcePlan
from protocols.mapping.adapter_parts import check_with, out_of_reach, state_texts, try_message
from protocols.sql_query.config import SqlQueryConfig

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from protocols.sql_query.source import SqlQuerySource

METRICS = (
    MetricFamily("sql_runs", "Runs of the query by their end", ("state",)),
    MetricFamily("sql_last_seconds", "Seconds that the last whole run of the query took", (), "gauge"),
)


def _build(name: str, config: SqlQueryConfig, services: SourceServices) -> "SqlQuerySource":
    from protocols.sql_query.source import SqlQuerySource

    return SqlQuerySource(name, config, _engine(name, config, services.file), services)


def _adjust(
    source: "SqlQuerySource", config: SqlQueryConfig, _: SourceServices, services: SourceServices
) -> Callable[[], bool]:
    return partial(source.use, config, _engine(source.name, config, services.file), services)


def _engine(name: str, config: SqlQueryConfig, file: str) -> "Engine":
    from protocols.sql_query.database import NoDriver, engine_of

    try:
        return engine_of(config, config.connection_url())
    except OSError as error:
        raise ConfigError([Problem(file, f"sources.{name}.password", "app.secret", {"error": reason(error)})]) from None
    except NoDriver as error:
        raise ConfigError([Problem(file, f"sources.{name}.url", error.key, error.fields)]) from None


def _check(sources: Mapping[str, SqlQueryConfig], file: str) -> ConfigFindings:
    """Drivers that are not installed, databases that cannot be kept from writing, connections without TLS."""
    from sqlalchemy.engine import make_url

    from protocols.sql_query.database import NoDriver, engine_of
    from protocols.sql_query.dialects import READ_ONLY

    found = ConfigFindings()
    for name, source in sources.items():
        found.problems += out_of_reach(name, source, file)
        place, url = f"sources.{name}.url", make_url(source.url)
        try:
            engine_of(source, url)
        except NoDriver as error:
            found.problems.append(Problem(file, place, error.key, error.fields))
            continue
        if url.get_backend_name() not in READ_ONLY:
            found.warnings.append(Problem(file, place, "sql.warn.writes", {"got": url.get_backend_name()}))
        remote = url.host not in {None, "", "localhost", "127.0.0.1", "::1"}
        if (
            remote
            and url.get_backend_name() == "postgresql"
            and not str(url.query.get("sslmode", "")).startswith("ver")
        ):
            found.warnings.append(Problem(file, place, "sql.warn.plain", {"host": url.host}))
    return found


async def _examine(name: str, config: SqlQueryConfig, *, running: bool) -> list[DoctorFinding]:  # noqa: ARG001 - the port
    from protocols.sql_query.doctor import query_works

    return await query_works(name, config)


def _plan(name: str, config: SqlQueryConfig, services: SourceServices) -> SourcePlan:  # noqa: ARG001 - the port
    when = format_duration(config.interval) if config.interval else " ".join(config.at)
    return SourcePlan((), (Phrase("plan.query", {"query": " ".join(config.query.split()), "when": when}),))


ADAPTER = SourceAdapter(
    name="sql_query",
    config=SqlQueryConfig,
    build=_build,
    adjust=_adjust,
    check=_check,
    check_with=check_with,
    state_texts=state_texts,
    metrics=METRICS,
    examine=_examine,
    try_message=try_message,
    plan=_plan,
)
