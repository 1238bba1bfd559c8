"""What the port `Source` promises, of every registered protocol against its real counterpart."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from contract.harness import SourcePeer, kinds_of, peer_of
from structlog.testing import capture_logs

from gateway.adapter_ports import SourceAdapter
from gateway.adapters import SOURCES
from gateway.domain.errors import StoreUnavailable
from gateway.domain.metric import SOURCE_METRICS
from gateway.domain.record import Parcel
from gateway.ports import Source

pytestmark = pytest.mark.server
STOP = 5.0  # s a source may take to stop


COUNTERPARTS = [pytest.param((name, kind), id=f"{name} {kind}".strip()) for name in SOURCES for kind in kinds_of(name)]


@pytest.fixture(params=COUNTERPARTS)
def counterpart(request: pytest.FixtureRequest) -> tuple[str, str]:
    found: tuple[str, str] = request.param
    return found


@pytest.fixture
def adapter(counterpart: tuple[str, str]) -> SourceAdapter:  # type: ignore[type-arg]
    found: SourceAdapter = SOURCES[counterpart[0]]  # type: ignore[type-arg]
    return found


@pytest.fixture
async def peer(counterpart: tuple[str, str], tmp_path: Path) -> AsyncIterator[SourcePeer]:
    async with peer_of(*counterpart)(tmp_path) as found:
        yield found


def source_of(adapter: SourceAdapter, peer: SourcePeer) -> Source:  # type: ignore[type-arg]
    config = adapter.config.model_validate(peer.config)
    made: Source = adapter.build("one", config, peer.services)
    return made


class Store:
    """An Emit: `offered` came, `kept` was taken. `refuse` fails the next ones, one with the value `hang` never ends."""

    def __init__(self, *, refuse: int = 0, hang: float | None = None) -> None:
        self.offered: list[Parcel] = []
        self.kept: list[Parcel] = []
        self.refuse, self.hang = refuse, hang

    async def __call__(self, parcel: Parcel) -> None:
        self.offered.append(parcel)
        if self.hang in parcel.batch.value.tolist():
            await asyncio.sleep(3600)
        if self.refuse:
            self.refuse -= 1
            raise StoreUnavailable("the disk is away")
        self.kept.append(parcel)

    def has(self, value: float, *, offered: bool = False) -> bool:
        parcels = self.offered if offered else self.kept
        return any(value in parcel.batch.value.tolist() for parcel in parcels)


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


async def stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    async with asyncio.timeout(STOP):
        with suppress(asyncio.CancelledError):
            await task


async def started(source: Source, store: Store) -> "asyncio.Task[None]":
    """Running, and connected."""
    task = asyncio.create_task(source.run(store))
    await until(lambda: any(one.family == "source_up" and one.value == 1 for one in source.samples()))
    return task


def journaled(source: Source) -> float:
    """Counted once they are on disk: shortly after `emit` returned."""
    found = [one for one in source.samples() if (one.family, *one.labels) == ("source_readings", "journaled")]
    return found[0].value


async def test_readings_come_in_parcels_of_its_name(adapter: SourceAdapter, peer: SourcePeer) -> None:  # type: ignore[type-arg]
    source, store = source_of(adapter, peer), Store()
    assert source.name == "one"
    task = await started(source, store)
    for value in (11.0, 12.0, 13.0):
        await peer.bring(value)
        await until(lambda value=value: store.has(value))  # type: ignore[misc]
    assert source.trouble() is None
    await stop(task)
    for parcel in store.kept:
        assert parcel.source == "one"
        assert parcel.batch.frames <= parcel.messages
        assert len(parcel.batch.value) == len(parcel.batch.at) == len(parcel.batch.frame)


async def test_what_the_store_refuses_comes_again(adapter: SourceAdapter, peer: SourcePeer) -> None:  # type: ignore[type-arg]
    source, store = source_of(adapter, peer), Store(refuse=2)
    task = await started(source, store)
    await peer.bring(21.0)
    await until(lambda: store.has(21.0))
    assert store.refuse == 0
    assert len(store.offered) > len(store.kept)
    await stop(task)


async def test_what_was_never_taken_is_not_acknowledged(adapter: SourceAdapter, peer: SourcePeer) -> None:  # type: ignore[type-arg]
    """Cancelled while the store hangs: it ends in time, and the next run gets the same reading."""
    hangs = Store(hang=31.0)
    task = await started(source_of(adapter, peer), hangs)
    await peer.bring(31.0)
    await until(lambda: hangs.has(31.0, offered=True))
    await stop(task)
    assert not hangs.has(31.0)
    works = Store()
    task = asyncio.create_task(source_of(adapter, peer).run(works))
    await until(lambda: works.has(31.0))
    await stop(task)


async def test_what_was_taken_is_not_brought_again(adapter: SourceAdapter, peer: SourcePeer) -> None:  # type: ignore[type-arg]
    first, second = Store(), Store()
    task = await started(source_of(adapter, peer), first)
    await peer.bring(41.0)
    await until(lambda: first.has(41.0))
    await stop(task)
    await peer.bring(42.0)  # while nobody listens
    task = asyncio.create_task(source_of(adapter, peer).run(second))
    await until(lambda: second.has(42.0))
    await stop(task)
    assert not (peer.acknowledges and second.has(41.0))


async def test_a_counterpart_that_is_away_is_a_trouble_without_its_address(
    adapter: SourceAdapter,  # type: ignore[type-arg]
    peer: SourcePeer,
) -> None:
    source, store = source_of(adapter, peer), Store()
    task = await started(source, store)
    await peer.bring(51.0)
    await until(lambda: store.has(51.0))
    await peer.leave()
    await until(lambda: source.trouble() is not None)
    trouble = source.trouble()
    assert trouble is not None
    for lang in ("en", "zh"):
        assert "127.0.0.1" not in trouble.text(lang)  # type: ignore[arg-type]
    await stop(task)


async def test_samples_belong_to_declared_families(adapter: SourceAdapter, peer: SourcePeer) -> None:  # type: ignore[type-arg]
    source, store = source_of(adapter, peer), Store()
    declared = {family.name: family for family in (*SOURCE_METRICS, *adapter.metrics)}
    task = await started(source, store)
    await peer.bring(61.0)
    await until(lambda: store.has(61.0) and journaled(source) >= 1)
    found = {(one.family, *one.labels): one.value for one in source.samples()}
    await stop(task)
    for family, *labels in found:
        assert len(labels) == len(declared[family].labels), family
    assert {family for family, *_ in found} >= {"source_up", "source_readings"}


async def test_it_follows_a_configuration_that_did_not_change(adapter: SourceAdapter, peer: SourcePeer) -> None:  # type: ignore[type-arg]
    source, store = source_of(adapter, peer), Store()
    task = await started(source, store)
    await peer.bring(71.0)
    await until(lambda: store.has(71.0))
    config = adapter.config.model_validate(peer.config)
    assert adapter.adjust(source, config, peer.services, peer.services)() is False, "its run goes on"
    await peer.bring(72.0)
    await until(lambda: store.has(72.0))
    await stop(task)


async def test_no_secret_is_logged(adapter: SourceAdapter, peer: SourcePeer) -> None:  # type: ignore[type-arg]
    secrets = [str(peer.config[key]) for key in ("password", "token") if key in peer.config]
    with capture_logs() as lines:
        source, store = source_of(adapter, peer), Store()
        task = await started(source, store)
        await peer.bring(81.0)
        await until(lambda: store.has(81.0))
        await stop(task)
    assert not any(secret in str(line) for secret in secrets for line in lines)
