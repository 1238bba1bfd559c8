"""The real counterpart of each adapter, found by its name: a file `contract_NAME.py` anywhere below `tests/`.

Such a file has a function `peer(folder)`, an asynchronous context manager that starts the counterpart and yields a
`SourcePeer`, `SinkPeer` or `SeriesPeer`. An adapter without one fails the suite of its port. Functions
`peer_KIND(folder)` beside it are further counterparts of a source: the whole suite runs against each. Where the
adapter sends commands, functions `commands_KIND(folder)` yield a `CommandPeer` each.
"""

import importlib.util
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from gateway.adapter_ports import SourceServices
from gateway.domain.delivery import Delivery
from gateway.domain.device_command.exchange import OutgoingCommand

TESTS = Path(__file__).parents[1]
Answer = Literal["taken", "later", "refused", "silent"]


@dataclass
class SourcePeer:
    """A device or broker. `config` leads to it, as YAML would say it; `bring(value)` makes a reading of it that stays
    there until the next; `leave()` ends it. `acknowledges`: what was emitted is not brought again."""

    config: Mapping[str, Any]
    services: SourceServices
    bring: Callable[[float], Awaitable[None]]
    leave: Callable[[], Awaitable[None]]
    acknowledges: bool


@dataclass
class SinkPeer:
    """A receiver. `answer(kind)` is what it does from now on, `requests()` how many came; `delivery(attempt)` is one it
    takes. `secrets` must appear in no log line, error or receipt."""

    config: Mapping[str, Any]
    answer: Callable[[Answer], None]
    requests: Callable[[], int]
    delivery: Callable[[int], Delivery]
    secrets: tuple[str, ...]


@dataclass
class SeriesPeer:
    """Where the store lies. `config` as YAML would say it, without `retention`. A server has `stop` and `start`; where
    the cursor does not move with the rows, `forget` loses it."""

    data_dir: Path
    config: Mapping[str, Any]
    stop: Callable[[], None] | None = None
    start: Callable[[], None] | None = None
    forget: Callable[[], None] | None = None


CommandBehaviour = Literal["ok", "error", "silent", "late", "foreign"]


@dataclass
class CommandPeer:
    """A device that takes commands. `config` and `services` as of a `SourcePeer`; `command(id)`: one for it, with a
    time limit that suits a test; `behave(kind)`: what it does from now on; `received()`: how many commands came.
    """

    config: Mapping[str, Any]
    services: SourceServices
    command: Callable[[str], OutgoingCommand]
    behave: Callable[[CommandBehaviour], None]
    received: Callable[[], int]
    leave: Callable[[], Awaitable[None]]


Peer = Callable[[Path], AbstractAsyncContextManager[Any]]


def peer_of(name: str, kind: str = "") -> Peer:
    """The harness of the adapter `name`. AssertionError when it has none."""
    found: Peer = vars(_module(name))[f"peer_{kind}" if kind else "peer"]
    return found


def command_peers(name: str) -> dict[str, Peer]:
    """KIND -> harness of each counterpart that takes commands."""
    return {key: made for key, made in vars(_module(name)).items() if key.startswith("commands_")}


def kinds_of(name: str) -> list[str]:
    """ "" and the KIND of each further counterpart of the adapter; "" alone when it has none."""
    try:
        found = [key.partition("_")[2] for key in vars(_module(name)) if key.startswith("peer_")]
    except AssertionError:
        found = []  # its tests fail
    return ["", *sorted(found)]


def _module(name: str) -> ModuleType:
    files = list(TESTS.rglob(f"contract_{name}.py"))
    assert len(files) == 1, f"the adapter {name} needs one file tests/**/contract_{name}.py with its counterpart"
    spec = importlib.util.spec_from_file_location(files[0].stem, files[0])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
