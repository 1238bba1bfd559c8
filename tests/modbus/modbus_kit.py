"""What the Modbus tests share: a directory without a database, a clock, a proxy that breaks things."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from gateway.domain.device import CounterModel, Device, Life, Plausible, Point, PointKind, PointSpec, Profile
from gateway.domain.reading import Batch, Reading
from gateway.domain.record import Define, Parcel

ROOT = Path(__file__).parents[2]
VECTORS = ROOT.parent / "shared" / "vectors" / "modbus"


def yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text("utf-8"))


def profile_of(raw: Mapping[str, Any]) -> Profile:
    """The neutral part of a profile file, as far as these tests need it."""
    points = [
        PointSpec(
            name=name,
            kind=PointKind(spec.get("kind", "gauge")),
            unit=spec.get("unit", ""),
            each=spec.get("each", False),
            values=tuple(spec.get("values", ())),
            missing=tuple(spec.get("missing", ())),
            plausible=Plausible(**spec.get("plausible", {})),
            counter=CounterModel(**spec.get("counter", {})),
        )
        for name, spec in raw["points"].items()
    ]
    return Profile(raw["id"], raw["kind"], tuple(points), components=raw.get("components", 0))


class FakeDirectory:
    """gateway.ports.Directory in a few dicts."""

    def __init__(self, profiles: Iterable[Profile], devices: Iterable[Device] = ()) -> None:
        self.version = 1
        self.devices = {device.code: device for device in devices}
        self.refuse_texts = False
        self._points: dict[str, dict[tuple[str, int], Point]] = {}
        self._texts: dict[int, list[str]] = {}
        number = 0
        for profile in profiles:
            table = self._points.setdefault(profile.id, {})
            for spec in profile.points:
                for component in range(1, max(profile.components, 1) + 1) if spec.each else (0,):
                    number += 1
                    table[spec.name, component] = Point(
                        number,
                        profile.id,
                        spec.name,
                        component,
                        spec.kind,
                        spec.unit,
                        values=spec.values,
                        plausible=spec.plausible,
                        counter=spec.counter,
                    )
                    self._texts[number] = list(spec.values)

    def device(self, code: str) -> Device | None:
        device = self.devices.get(code)
        return device if device is not None and device.life is Life.IN_SERVICE else None

    def points(self, profile: str) -> Mapping[tuple[str, int], Point]:
        return self._points.get(profile, {})

    def state_code(self, point: int, text: str, device: int = 0) -> int | None:
        texts = self._texts[point]
        if text not in texts:
            if self.refuse_texts:
                return None
            texts.append(text)
        return texts.index(text)

    def pending(self, batch: Batch) -> tuple[Define, ...]:
        return ()

    def journaled(self, defines: Iterable[Define]) -> None:
        return

    def texts(self, point: int) -> list[str]:
        return self._texts[point]


class WallClock:
    def now(self) -> int:
        return time.time_ns() // 1000


class Basket:
    """An Emit that keeps what it gets, and can be slow or full."""

    def __init__(self) -> None:
        self.parcels: list[Parcel] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fail: list[Exception] = []

    async def emit(self, parcel: Parcel) -> None:
        await self.gate.wait()
        if self.fail:
            raise self.fail.pop(0)
        self.parcels.append(parcel)

    @property
    def readings(self) -> list[Reading]:
        return [reading for parcel in self.parcels for reading in parcel.batch.readings()]

    def frames(self, device: int) -> int:
        return sum(
            len({reading.frame for reading in _rows(parcel) if reading.device == device}) for parcel in self.parcels
        )


class _Row:
    def __init__(self, device: int, frame: int) -> None:
        self.device, self.frame = device, frame


def _rows(parcel: Parcel) -> list[_Row]:
    batch = parcel.batch
    return [_Row(d, f) for d, f in zip(batch.device.tolist(), batch.frame.tolist(), strict=True)]


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Bounded polling: fails when it does not come true."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def running(work: Awaitable[None]) -> AsyncIterator["asyncio.Future[None]"]:
    """Run beside the block, cancel at its end; what went wrong in it comes out."""
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass


Mangle = Callable[["Proxy", asyncio.StreamWriter, bytes], Awaitable[None]]


class Proxy:
    """Between client and server: `mangle` decides what becomes of every answer. `writers` are the client sides."""

    def __init__(self, port: int, mangle: Mangle) -> None:
        self.upstream, self.mangle = port, mangle
        self.writers: list[asyncio.StreamWriter] = []
        self.requests: list[bytes] = []
        self.port = 0
        self.turn = 0
        self.kept: list[bytes] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def client(self) -> asyncio.StreamWriter:
        """The connection the client uses now."""
        return self.writers[-1]

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self.writers:
            writer.close()
        await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.writers.append(writer)
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            while head := await reader.readexactly(6):
                request = head + await reader.readexactly(int.from_bytes(head[4:6], "big"))
                self.requests.append(request)
                up_writer.write(request)
                head = await up_reader.readexactly(6)
                answer = head + await up_reader.readexactly(int.from_bytes(head[4:6], "big"))
                self.turn += 1
                await self.mangle(self, writer, answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            up_writer.close()
            writer.close()
            self._tasks.discard(task)


async def honest(_proxy: Proxy, client: asyncio.StreamWriter, answer: bytes) -> None:
    client.write(answer)
