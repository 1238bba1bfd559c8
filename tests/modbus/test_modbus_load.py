"""The load of `bench modbus`: devices of known values, the project that reads them, and the search for wrong ones."""

import asyncio
import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.bench import modbus
from gateway.domain.duration import SECOND
from gateway.domain.reading import Batch
from gateway.settings.project import load_project
from protocols.modbus.config import LinkConfig
from protocols.modbus.link import ExceptionResponse, Silent
from protocols.modbus.register_table import RegisterTable
from protocols.modbus.source import open_link
from simulators.modbus_load import LoadLink, word


async def test_the_simulated_devices_answer_as_devices_do() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: LoadLink(0.0, frozenset({7})), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    link = open_link(LinkConfig.model_validate({"tcp": f"127.0.0.1:{port}", "timeout": "300ms"}))
    try:
        words = await link.read(3, RegisterTable.HOLDING, 10, 125)
        (second,) = {(got - word(3, 10 + i, 0)) % 65536 for i, got in enumerate(words)}
        assert second > 0
        with pytest.raises(ExceptionResponse) as refused:
            await link.read(3, RegisterTable.COIL, 0, 1)
        assert refused.value.code == 1
        with pytest.raises(Silent):
            await link.read(7, RegisterTable.INPUT, 0, 1)
    finally:
        await link.close()
        server.close()


def test_the_project_of_the_benchmark_is_in_order(tmp_path: Path) -> None:
    project = load_project(modbus.write_project(tmp_path, 18080, [1502, 1503], 1504, 7, 12, "1s"))
    assert project.counts()["devices"] == 7 + modbus.BUS
    assert project.settings.sources.keys() == {"load", "bus"}
    with (tmp_path / "devices.csv").open() as file:
        places = [(row["modbus_link"], row["modbus_unit"]) for row in csv.DictReader(file)]
    assert len(places) == len(set(places))


@given(st.integers(1, 247), st.integers(0, 100), st.integers(0, modbus.LATE), st.integers(0, 2))
def test_wrong_values_are_found(unit: int, address: int, late: int, quality: int) -> None:
    """Right in the seconds of the poll; wrong of another unit, register or minute; bad readings do not count."""
    at = 1_800_000_000

    def wrong(value: int) -> int:
        row = np.zeros(1, np.int32)
        batch = Batch(
            row + 1,
            row + 2,
            np.array([at * SECOND]),
            np.array([float(value)]),
            np.array([quality], np.uint8),
            np.zeros(1, np.uint8),
            row,
            np.array([at * SECOND]),
        )
        return modbus._wrong(batch, {1: unit}, {2: address})

    good = int(quality == 2)
    assert wrong(word(unit, address, at + late)) == 0
    for other in (word(unit + 1, address, at), word(unit, address + 1, at), word(unit, address, at - 60)):
        assert wrong(other) == good
