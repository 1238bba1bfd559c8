"""Status of the running gateway: immutable values of one moment, read by API, metrics and log from any thread.

The engine publishes its part with each piece of work; the rest is copied on the event loop that owns it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.consumers.series import Progress
from gateway.delivery import EndpointStats
from gateway.domain.engine_status import EngineStatus
from gateway.domain.errors import StoreError
from gateway.domain.language_values import Phrase
from gateway.domain.record import ClockStep
from gateway.domain.refused_text import RefusedText
from gateway.domain.reloaded import Reloaded
from gateway.intake.balance import Balance
from gateway.journal.stats import JournalStats


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """One supervised task: whether it runs, its restarts so far, its last error."""

    up: bool = True
    restarts: int = 0
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class IntakeStatus:
    """`balances` by source and their `total`; `newest` µs is the latest time in the journal, `suspect`: the clock is
    behind it. `clock_steps` by kind, the last one at `stepped` µs. `failing`: why the last append of a parcel or
    tick failed. `abnormal`: marked readings by reason."""

    balances: Mapping[str, Balance]
    total: Balance
    newest: int
    suspect: bool
    clock_steps: Mapping[str, int]
    last_step: ClockStep | None
    stepped: int
    ticks_missed: int
    failing: StoreError | None
    abnormal: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StoreStatus:
    """A store of readings. `missed` records that the journal gave up before it had them; `filled`: share of the
    first store's history that it has; `error`: why it takes nothing."""

    progress: Progress
    missed: int = 0
    filled: float = 1.0
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class ConsumerStatus:
    """Sequence numbers up to which the journal is evaluated, committed by the desk, and stored. `journaled` readings
    up to the stored record, None = no longer remembered. Latencies in µs from the reading, or the due time, to the
    order. `stores` by name, first the one that is read: `series` is its progress."""

    judged: int
    committed: int
    transitions: int
    series: Progress
    journaled: int | None
    by_reading: Sequence[int]
    by_timer: Sequence[int]
    stores: Mapping[str, StoreStatus] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """The whole status. `ready`: live; `started` µs; `broken`: an error stops the process. `sources`: why each
    source does not reach its devices, None = it does."""

    ready: bool
    started: int
    broken: bool
    tasks: Mapping[str, TaskStatus]
    sources: Mapping[str, Phrase | None]
    intake: IntakeStatus
    journal: JournalStats
    consumers: ConsumerStatus
    engine: EngineStatus
    endpoints: Mapping[str, EndpointStats]
    files: Reloaded
    refused_texts: Sequence[RefusedText]
    texts_refused: int
