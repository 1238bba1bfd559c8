"""An InfluxDB 2 server for tests: line protocol in, Flux and annotated CSV out, faults on demand."""

from simulators.influx.faults import Fault, Faults
from simulators.influx.server import InfluxServer

__all__ = ["Fault", "Faults", "InfluxServer"]
