"""`fieldgate doctor`: whether the server answers, the token is accepted and the bucket can be read. Writes nothing."""

import asyncio
from collections.abc import Mapping

from gateway.domain.errors import StoreError
from gateway.domain.finding import DoctorFinding, bad, ok
from gateway.domain.language_values import Phrase
from sinks.series.influx.config import InfluxConfig
from sinks.series.influx.connection import InfluxConnection
from sinks.series.influx.reader import InfluxReader


async def examine(name: str, config: InfluxConfig, place: Mapping[str, str]) -> list[DoctorFinding]:
    """One finding."""
    return [await asyncio.to_thread(_look, name, config, place)]


def _look(name: str, config: InfluxConfig, place: Mapping[str, str]) -> DoctorFinding:
    about = {"name": name, "url": config.url, "bucket": config.bucket}
    try:
        connection = InfluxConnection(place)
        try:
            if config.durable:
                InfluxReader(connection, config.measurement).bounds(0, 1)
            else:
                connection.ping()
        finally:
            connection.close()
    except StoreError as error:
        why = Phrase(error.key, error.fields) if error.key else str(error)
        return bad("doctor.influx_away", "doctor.influx_away.do", why=why, **about)
    return ok("doctor.influx", **about)
