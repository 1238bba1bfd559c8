"""What keeps a Modbus source from its meters, for /readyz, log and metrics (C1): no addresses, few names."""

from modbus_kit import FakeDirectory, WallClock
from test_modbus_reload import GAS, MAPS, config

from gateway.domain.device import Device
from protocols.modbus.slave import Backoff, Presence, Slave
from protocols.modbus.source import ModbusSource

LINKS = {"hall": {"tcp": "127.0.0.1:1"}, "yard": {"tcp": "127.0.0.1:2"}}


def test_a_meter_that_was_never_reached_is_not_ok() -> None:
    """C1: a source whose meter was never reached was called ok."""
    directory = FakeDirectory([GAS], [Device(n, f"GM-{n}", GAS.id, "gas_meter") for n in (1, 2)])
    source = ModbusSource("meters", config(LINKS, (1, "hall"), (2, "yard")), directory, MAPS, WallClock())
    stats = source.stats
    assert str(source.trouble()) == "not tried yet"
    stats.broken.add("yard")
    stats.unlinked += 1
    assert str(source.trouble()) == "1 of 2 links have no connection: yard"
    stats.broken.discard("yard")
    for unit in range(1, 9):
        stats.slaves["hall", unit] = Slave("hall", unit, Backoff(), Presence.DOWN)
    trouble = source.trouble()
    assert trouble is not None
    assert trouble.text("en") == ("8 of 8 devices do not answer: hall/1, hall/2, hall/3, hall/4, hall/5 and 3 more")
    assert trouble.text("zh") == "8 台设备中有 8 台无应答：hall/1, hall/2, hall/3, hall/4, hall/5 等，另有 3 个"
    for slave in stats.slaves.values():
        slave.presence = Presence.UP
    assert str(source.trouble()) == "not tried yet"
    stats.answered += 1
    assert source.trouble() is None
