"""Snapshots of version 13, until nobody starts from one any more: their parts were encoded one by one."""

from typing import TypeVar

import msgspec
from msgspec import Struct

from gateway.domain.alarm import Thing
from gateway.domain.device import Customer, Device, Point, Site
from gateway.domain.engine_status import ReadingCounts
from gateway.domain.record import RuleSet
from rules.engine.alarms.state import PipelineState
from rules.engine.late.episode_log import EpisodesState
from rules.engine.late.history_requests import RequestsState
from rules.engine.late.replaced_values import ReplacedState
from rules.engine.late.warmup_buffer import BufferedBatch
from rules.engine.snapshot_image import DowntimeImage, EngineImage, EvaluatorImage, LatenessImage
from rules.engine.state.completions import CompletionsState
from rules.engine.state.snapshot_codec import RunnerImage, SpaceImage
from rules.engine.windows.counter_glitches import GlitchesState

VERSION = 13
Part = TypeVar("Part")


class _Image(Struct, frozen=True):
    """Engine and lanes in one shape; of bytes each is a part, b"" = nothing."""

    partition: int
    tenant: str
    seq: int
    now: int
    sites: list[Site]
    customers: list[Customer]
    devices: list[Device]
    points: list[Point]
    profiles: dict[str, int]
    spaces: list[SpaceImage]
    rules: list[RuleSet]
    runners: list[RunnerImage]
    downs: list[tuple[int, int]]
    counts: ReadingCounts
    kept: list[int] = []
    settled: int = 0
    waiting: dict[str, int] = {}
    requests: bytes = b""
    interim: bytes = b""
    replaced: bytes = b""
    overtaken: bytes = b""
    glitches: bytes = b""
    buffer: bytes = b""
    lateness: int = 0
    after: bytes = b""
    ledger: bytes = b""
    completions: bytes = b""
    imports: list[str] = []
    steps: list[tuple[int, int]] = []
    standing: dict[str, list[tuple[Thing, tuple[str, ...], int]]] = {}
    lanes: list["_Image"] = []


_decoder = msgspec.msgpack.Decoder(_Image)


def decode(body: memoryview) -> EngineImage:
    """As today's image. Raises msgspec.MsgspecError."""
    old = _decoder.decode(body)
    return EngineImage(
        old.partition,
        old.tenant,
        old.seq,
        old.now,
        _evaluator(old),
        [LatenessImage(lane.lateness, lane.buffer, _evaluator(lane)) for lane in old.lanes],
        msgspec.msgpack.decode(old.after, type=PipelineState) if old.after else None,
        _part(old.ledger, EpisodesState),
        _part(old.completions, CompletionsState),
        old.imports,
    )


def _evaluator(old: _Image) -> EvaluatorImage:
    return EvaluatorImage(
        old.seq,
        old.now,
        old.sites,
        old.customers,
        old.devices,
        old.points,
        old.profiles,
        old.spaces,
        old.rules,
        old.runners,
        DowntimeImage(old.downs, old.kept, old.settled, old.steps),
        old.counts,
        _part(old.glitches, GlitchesState),
        old.waiting,
        _part(old.requests, RequestsState),
        msgspec.msgpack.decode(old.interim, type=list[BufferedBatch]) if old.interim else [],
        _part(old.replaced, ReplacedState),
        _part(old.overtaken, ReplacedState),
        old.standing,
    )


def _part(blob: bytes, kind: type[Part]) -> Part:
    return msgspec.msgpack.decode(blob, type=kind) if blob else kind()
