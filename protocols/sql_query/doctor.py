"""For `fieldgate doctor`: whether the database answers, lets the query through, and gives the columns it needs."""

from functools import partial

from gateway.domain.duration import SECOND
from gateway.domain.error_reasons import reason
from gateway.domain.errors import SourceError
from gateway.domain.finding import DoctorFinding, bad, ok
from protocols.sql_query.config import SqlQueryConfig
from protocols.sql_query.database import DatabaseAway, NoDriver, QueryRun, engine_of
from protocols.sql_query.source import GRACE
from protocols.sql_query.worker import QueryWorker


async def query_works(name: str, config: SqlQueryConfig) -> list[DoctorFinding]:
    """Runs the query for one row, in a transaction that only reads."""
    try:
        run = QueryRun(engine_of(config, config.connection_url()), config)
    except OSError as error:
        return [bad("doctor.secret", "doctor.secret.do", source=name, error=reason(error))]
    except NoDriver as error:
        return [bad("doctor.sql_refused", "doctor.sql_refused.do", source=name, why=reason(error))]
    worker, seconds = QueryWorker(f"doctor {name}"), config.timeout / SECOND + GRACE
    try:
        await worker.call(partial(run.begin, None, 1), seconds)
        await worker.call(partial(run.rows, 1), seconds)
    except TimeoutError:
        return [bad("doctor.sql_slow", "doctor.sql_slow.do", source=name, seconds=f"{config.timeout / SECOND:g}")]
    except DatabaseAway as error:
        return [bad("doctor.sql_away", "doctor.sql_away.do", source=name, url=config.url, why=reason(error))]
    except SourceError as error:
        return [bad("doctor.sql_refused", "doctor.sql_refused.do", source=name, why=reason(error))]
    finally:
        worker.end(run.end)
    return [ok("doctor.sql", source=name, columns=", ".join(run.columns))]
