"""C6: links and devices that come, change and go while the others are polled."""

from typing import Any

from modbus_kit import ROOT, Basket, FakeDirectory, WallClock, profile_of, running, until, yaml

from gateway.domain.device import Device
from protocols.modbus.config import ModbusConfig
from protocols.modbus.registers import load
from protocols.modbus.source import ModbusSource
from simulators.gas_meter import GasMeterServer

RAW = yaml(ROOT / "config/profiles/gas_meter_demo.yaml")
GAS = profile_of(RAW)
MAPS = {GAS.id: load(RAW["modbus"], GAS, "gas_meter_demo.yaml")}


def config(links: dict[str, Any], *places: tuple[int, str], **more: Any) -> ModbusConfig:
    """`places`: (meter, link); its unit id is its number."""
    devices = [{"device": f"GM-{number}", "link": link, "unit": number} for number, link in places]
    return ModbusConfig.model_validate(
        {"type": "modbus", "every": "20ms", "links": links, "devices": devices, "backoff": {"min": "100ms"}} | more
    )


async def test_what_did_not_change_goes_on() -> None:
    directory, basket = FakeDirectory([GAS], [Device(n, f"GM-{n}", GAS.id, "gas_meter") for n in (1, 2, 3)]), Basket()
    async with GasMeterServer(meters=3) as hall, GasMeterServer(meters=3) as yard:
        links = {"hall": {"tcp": f"127.0.0.1:{hall.port}"}, "yard": {"tcp": f"127.0.0.1:{yard.port}"}}
        source = ModbusSource("meters", config(links, (1, "hall"), (3, "yard")), directory, MAPS, WallClock())
        async with running(source.run(basket.emit)) as run:

            async def more(*devices: int) -> None:
                seen = {device: basket.frames(device) for device in devices}
                await until(lambda: all(basket.frames(device) > count + 1 for device, count in seen.items()))

            await more(1, 3)
            # a device more on a link that is known
            assert source.use(config(links, (1, "hall"), (2, "hall"), (3, "yard")), MAPS) is False
            await more(1, 2, 3)
            # one that answers behind another link now, one less, and a link whose settings changed
            slow = {**links, "yard": {**links["yard"], "pause": "1ms"}}
            source.use(config(slow, (1, "hall"), (2, "yard")), MAPS)
            await more(1, 2)
            assert set(source.stats.slaves) == {("hall", 1), ("yard", 2)}, "of the others nothing is kept"
            requested, frames = yard.requests[3], basket.frames(3)
            await more(1, 2)
            assert (yard.requests[3], basket.frames(3)) == (requested, frames)
            assert (hall.connections, yard.connections) == (1, 2), "one link was not disturbed, one opened anew"
            # a link that goes
            source.use(config({"hall": links["hall"]}, (1, "hall")), MAPS)
            await until(lambda: source.stats.linked == {"hall"})
            await more(1)
            assert hall.connections == 1
            # another interval, other patience
            source.use(config({"hall": links["hall"]}, (1, "hall"), every="30ms", backoff={"min": "200ms"}), MAPS)
            await more(1)
            assert source.stats.slaves["hall", 1].patience.min == 200_000
            assert not run.done()
    assert len(basket.readings) == source.stats.readings, "what was read is kept, once"
