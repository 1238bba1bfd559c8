"""B8: texts a Modbus device brings are bounded for each device; what is refused is a bad reading, counted by device."""

from pathlib import Path

from gateway.clock import SystemClock
from gateway.domain.reading import Quality
from gateway.registry import Registry
from gateway.settings import load_project
from gateway.settings.project import Project
from gateway.try_out.project_registry import in_memory_registry, trial_services
from protocols.modbus.config import ModbusConfig
from protocols.modbus.single_poll import poll_once
from simulators.modbus_server import ModbusServer

ROOM = 64  # learned texts of one device and point, see decision 085
FILES = {
    "devices.csv": "code,profile,modbus_link,modbus_unit\nM-1,m,hall,1\nM-2,m,hall,2\n",
    "profiles/m.yaml": "id: m\nkind: meter\npoints: {code: {kind: state, values: [ok]}}\n"
    "modbus: {points: {code: {at: 0, type: u16, map: {0: ok}}}}\n",
    "rules/a.yaml": "format: 1\nrules: []\n",
    "gateway.yaml": "name: gw\ntimezone: Asia/Shanghai\nregistry: {devices: devices.csv}\nsources:\n"
    "  bus: {type: modbus, links: {hall: {tcp: 127.0.0.1:PORT}}, devices_from: registry}\n",
}  # fmt: skip


class Unit:
    """A register that a person sets."""

    size, reserved = 1, ()
    code = 0

    def image(self) -> list[int]:
        """As a Unit of the simulator."""
        return [self.code]


async def quality(project: Project, registry: Registry, device: str) -> Quality:
    """Of the state, by one real poll."""
    config = project.settings.sources["bus"]
    assert isinstance(config, ModbusConfig)
    poll = await poll_once("bus", config, trial_services(project, "bus", registry, SystemClock()), device)
    assert poll is not None
    (found,) = poll.rows
    return found.quality


async def test_one_device_does_not_use_up_the_room_of_the_others(tmp_path: Path) -> None:
    mad, sound = Unit(), Unit()
    async with ModbusServer({1: mad, 2: sound}) as server:
        for name, text in FILES.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text.replace("PORT", str(server.port)), "utf-8")
        project = load_project(tmp_path / "gateway.yaml")
        registry = in_memory_registry(project, SystemClock())
        for mad.code in range(1, ROOM + 1):
            assert await quality(project, registry, "M-1") is Quality.GOOD
        for mad.code in (1001, 1002):
            assert await quality(project, registry, "M-1") is Quality.BAD
        (refused,) = registry.refused()
        first = registry.device("M-1")
        assert first is not None
        assert (refused.device, refused.count, refused.text, refused.why) == (first.id, 2, "raw:1002", "device")
        assert registry.refused_texts == 2
        mad.code = 0
        assert await quality(project, registry, "M-1") is Quality.GOOD, "what the map names is always understood"
        sound.code = 7777
        assert await quality(project, registry, "M-2") is Quality.GOOD
