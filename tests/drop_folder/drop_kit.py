"""A drop folder source over a small registry."""

from pathlib import Path
from typing import Any

from mqtt_kit import NOW, Ledger, registry

from gateway.adapter_ports import SourceServices
from gateway.clock import SystemClock
from gateway.domain.text import Lang
from gateway.ports import Clock
from protocols.drop_folder.config import DropFolderConfig
from protocols.drop_folder.source import DropFolderSource

ROUTE: dict[str, Any] = {
    "filter": "drop/{file}",
    "payload": "csv",
    "each": "[*]",
    "device": {"path": "device"},
    "time": {"path": "ts", "unit": "ms"},
    "points": {"gun_temp": {"path": "temp"}},
}
HEADER = "device,ts,temp\n"


def services(folder: Path, *, clock: Clock | None = None, language: Lang = "zh") -> SourceServices:
    return SourceServices(
        "gateway.yaml", registry(), Ledger(), clock or SystemClock(), lambda: (), {}, {}, folder, 0, language
    )


def config(folder: Path, **more: Any) -> DropFolderConfig:
    base = {"type": "drop_folder", "folder": str(folder), "every": "10ms", "settle": "0s", "routes": [ROUTE]}
    return DropFolderConfig.model_validate(base | more)


def made(folder: Path, *, clock: Clock | None = None, language: Lang = "zh", **more: Any) -> DropFolderSource:
    return DropFolderSource("drop", config(folder, **more), services(folder, clock=clock, language=language))


def rows(count: int, first: int = 0) -> str:
    return "".join(f"c1,{NOW // 1000 + number},{number % 50}\n" for number in range(first, first + count))
