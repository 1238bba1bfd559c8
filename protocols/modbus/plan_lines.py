"""For `fieldgate plan`: the requests of a source with what they cost, without a connection."""

from collections.abc import Iterator

from gateway.adapter_ports import SourceServices
from gateway.probe_ports import RequestLine, SourcePlan
from protocols.modbus.config import ModbusConfig
from protocols.modbus.cycle import PolledDevice
from protocols.modbus.plan import RequestBlock
from protocols.modbus.planned import of_target
from protocols.modbus.polled_devices import PolledDevices


def plan_of(name: str, config: ModbusConfig, services: SourceServices) -> SourcePlan:
    """The plan of a start: limits that devices taught a running gateway are not in it."""
    polled = PolledDevices(
        name,
        config,
        services.directory,
        services.maps,
        config.backoff.build(),
        services.devices,
        report=lambda *_: None,
    )
    polled.refresh(0)
    return SourcePlan(tuple(_lines(polled)))


def _lines(polled: PolledDevices) -> Iterator[RequestLine]:
    for (code, group), target in polled.targets.items():
        requests = of_target(target, group, polled.places[code, group], polled.links)
        for one, block in zip(requests, target.blocks, strict=True):
            yield RequestLine(
                one.link,
                one.unit,
                one.table.value,
                one.address,
                one.count,
                one.device,
                one.group,
                one.points,
                one.count - _used(target, block),
                one.when,
                one.period,
                one.cost,
            )


def _used(target: PolledDevice, block: RequestBlock) -> int:
    spans = [target.layout.spans[index] for index in block.members]
    return len({address for span in spans for address in range(span.address, span.end)})
