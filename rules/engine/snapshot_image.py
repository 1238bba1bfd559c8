"""The shape of a snapshot: the state of an engine at one sequence number, as one tree of values."""

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
from rules.engine.rule_state import RuleStateImage
from rules.engine.state.completions import CompletionsState
from rules.engine.state.snapshot_codec import SpaceImage
from rules.engine.windows.counter_glitches import GlitchesState


class DowntimeImage(Struct, frozen=True):
    """`spans` (last, start) µs; devices `kept`; `settled` µs; `steps` of the clock."""

    spans: list[tuple[int, int]] = []
    kept: list[int] = []
    settled: int = 0
    steps: list[tuple[int, int]] = []


class EvaluatorImage(Struct, frozen=True):
    """An evaluator at record `seq` and its engine time `now` µs. `waiting`: rule -> the record that installed it."""

    seq: int
    now: int
    sites: list[Site]
    customers: list[Customer]
    devices: list[Device]
    points: list[Point]
    profiles: dict[str, int]
    spaces: list[SpaceImage]
    rules: list[RuleSet]
    rule_states: list[RuleStateImage]
    downtime: DowntimeImage
    counts: ReadingCounts
    glitches: GlitchesState
    waiting: dict[str, int] = {}
    requests: RequestsState = RequestsState()
    buffered: list[BufferedBatch] = []
    replaced: ReplacedState = ReplacedState()
    overtaken: ReplacedState = ReplacedState()
    standing: dict[str, list[tuple[Thing, tuple[str, ...], int]]] = {}


class LatenessImage(Struct, frozen=True):
    """The rules of one `lateness`, µs, and the readings that wait for it, as an encoded batch."""

    lateness: int
    readings: bytes
    evaluator: EvaluatorImage


class EngineImage(Struct, frozen=True):
    """The whole engine at `seq` and engine time `now` µs. `imports`: those that run."""

    partition: int
    tenant: str
    seq: int
    now: int
    evaluator: EvaluatorImage
    late: list[LatenessImage]
    alarms: PipelineState | None
    episodes: EpisodesState
    completions: CompletionsState
    imports: list[str]
