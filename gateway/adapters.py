"""The list of all adapters. A new adapter is a folder with an `adapter.py` and a line here.

Settings build their unions from this list, `gateway/app/build.py` builds parts from it, and `tests/contract` tests
every entry.
"""

from typing import Any

from gateway.adapter_ports import EndpointAdapter, SeriesAdapter, SourceAdapter
from protocols.drop_folder.adapter import ADAPTER as DROP_FOLDER
from protocols.http.adapter import ADAPTER as HTTP
from protocols.modbus.adapter import ADAPTER as MODBUS
from protocols.mqtt.adapter import ADAPTER as MQTT
from protocols.opcua.adapter import ADAPTER as OPCUA
from protocols.sql_query.adapter import ADAPTER as SQL_QUERY
from sinks.notice.sms.adapter import ADAPTER as SMS
from sinks.oa.webhook.adapter import ADAPTER as WEBHOOK
from sinks.series.duckdb.adapter import ADAPTER as DUCKDB
from sinks.series.influx.adapter import ADAPTER as INFLUX
from sinks.series.postgres.adapter import ADAPTER as POSTGRES

SOURCES: dict[str, SourceAdapter[Any]] = {one.name: one for one in (MQTT, MODBUS, HTTP, DROP_FOLDER, OPCUA, SQL_QUERY)}
ENDPOINTS: dict[str, EndpointAdapter[Any]] = {one.name: one for one in (WEBHOOK, SMS)}
SERIES: dict[str, SeriesAdapter[Any]] = {one.name: one for one in (DUCKDB, INFLUX, POSTGRES)}
"""Adapter by `type` of the configuration."""
EMBEDDED: SeriesAdapter[Any] = DUCKDB
"""Type of the store if the configuration names none."""
