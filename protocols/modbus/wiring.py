"""From the configuration of a link to its wire and its times."""

from gateway.domain.duration import SECOND
from gateway.tls_files import ClientTlsFiles
from protocols.modbus.bus_link import RtuTiming, WireTiming
from protocols.modbus.config import USUAL_BAUD, LinkConfig
from protocols.modbus.wires import SerialWire, TcpWire, Wire

BITS = 11
"""Of a character on the wire (MODBUS over Serial Line V1.02, 2.5.1: start, 8, parity or a second stop, stop)."""
QUIET_CHARACTERS, QUIET_FAST, FAST = 3.5, 0.00175, 19_200
"""2.5.1.1: t3.5 between two frames; above 19200 baud 1.75 ms."""


def wire_of(config: LinkConfig) -> Wire:
    """Not connected yet."""
    if config.endpoint is None:
        return SerialWire(config.where, config.speed or USUAL_BAUD, config.parity, config.stop_bits)
    host, port = config.endpoint
    files = ClientTlsFiles(config.ca_file, config.cert_file, config.key_file) if config.tls else None
    return TcpWire(host, port, config.where, files, config.server_name)


def timing_of(config: LinkConfig) -> WireTiming:
    """In seconds; the quiet time from the speed of the bus when it is not given."""
    baud = config.speed or USUAL_BAUD
    octet = BITS / baud
    quiet = QUIET_FAST if baud > FAST else QUIET_CHARACTERS * octet
    if config.quiet is not None:
        quiet = config.quiet / SECOND
    rtu = RtuTiming(octet, quiet, config.late_answer / SECOND, config.echo) if config.serial else None
    return WireTiming(config.timeout / SECOND, config.connect / SECOND, config.pause / SECOND, rtu)
