"""A real VictoriaMetrics takes what the InfluxDB store writes, and gets its last minute again after a SIGKILL."""

import json
from pathlib import Path

import httpx
import pytest
from store_contract import NOW, at, record

from gateway.domain.device import Device, Point, PointKind
from gateway.domain.duration import SECOND
from gateway.domain.errors import StoreUnavailable
from gateway.domain.record import DeviceSet, PointDefined, Record
from simulators.servers import BrokerProcess, owns_port, victoria_metrics, victoria_metrics_binary
from sinks.series.influx.adapter import ADAPTER
from sinks.series.influx.config import InfluxConfig
from sinks.series.influx.store import InfluxStore

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(victoria_metrics_binary() is None, reason="apt-get install victoria-metrics"),
]
NAMES = [
    Record(1, NOW, DeviceSet(Device(1, "CP 1,=\\", "p", "charger", site="S=1"))),
    Record(2, NOW, PointDefined("t", Point(1, "p", "power", 2, unit="kW"))),
    Record(3, NOW, PointDefined("t", Point(2, "p", "status", 2, PointKind.STATE, values=("idle", "busy")))),
]


class HandClock:
    def now(self) -> int:
        return NOW


def exported(server: BrokerProcess) -> dict[tuple[str, str], dict[int, float]]:
    """(metric, point_id) -> ms -> value."""
    url = f"http://127.0.0.1:{server.port}"
    httpx.get(f"{url}/internal/force_flush", trust_env=False)
    answer = httpx.get(f"{url}/api/v1/export", params={"match[]": '{device_id!=""}'}, trust_env=False)
    found: dict[tuple[str, str], dict[int, float]] = {}
    for line in answer.text.splitlines():
        row = json.loads(line)
        assert (row["metric"]["site"], row["metric"]["device"], row["metric"]["component"]) == ("S=1", "CP 1,=/", "2")
        assert len(row["timestamps"]) == len(set(row["timestamps"])), "each once"
        name = (row["metric"]["__name__"], row["metric"]["point_id"])
        found[name] = dict(zip(row["timestamps"], row["values"], strict=True))
    return found


def test_rows_arrive_and_a_kill_loses_none(tmp_path: Path) -> None:
    time = [0.0]
    with victoria_metrics(tmp_path / "vm") as server:
        assert owns_port(server.process.pid, server.port)
        config = InfluxConfig.model_validate(
            {
                "type": "influx",
                "url": f"http://127.0.0.1:{server.port}",
                "org": "-",
                "bucket": "-",
                "server": "victoria_metrics",
                "timeout": "5s",
            }
        )
        place = ADAPTER.place(tmp_path, config)
        store = InfluxStore(tmp_path / "stores", "vm", place, config, HandClock(), lambda: time[0])
        records = [*NAMES, *(record(n, at(n, n / 2), at(n, float(n % 2), point=2)) for n in range(4, 40))]
        wanted = {(NOW + n * SECOND) // 1000: n / 2 for n in range(4, 40)}
        for one in records[:30]:
            time[0] += 1
            store.write(0, [one])
        assert exported(server)["reading_value", "1"] == {
            at: value for at, value in wanted.items() if at < (NOW + 31 * SECOND) // 1000
        }
        server.kill()
        with pytest.raises(StoreUnavailable):
            store.write(0, records[30:31])
        assert store.cursor(0) == 0, "less than a minute was written"
        server.restart()
        while store.cursor(0) < len(records):
            store.write(0, records[store.cursor(0) :][:7])
        found = exported(server)
        assert found["reading_value", "1"] == wanted
        assert set(found["reading_value", "2"].values()) == {0.0, 1.0}
        assert set(found["reading_quality", "1"].values()) == {2.0}
        store.close()
