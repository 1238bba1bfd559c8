"""`intake:` of the configuration."""

from typing import Annotated

from pydantic import Field

from gateway.domain.duration import MINUTE, MS, SECOND
from gateway.section import Bytes, Duration, Section


class IntakeConfig(Section):
    """How parcels become records.

    `ahead_limit`: an event time further ahead of its receive time is a wrong clock. `linger` is the least time between
    two appends: parcels that arrive meanwhile share one batch (keep it equal to the journal's). `raw_payload` bytes of
    a rejected message are kept. While the journal takes nothing (it is full, the disk fails), parcels wait up to
    `full_wait`, then they are refused. `tick` is the interval of ticks (ten times as long while nothing comes and no
    timer is due), `tick_spacing` the least between two when timers ask for finer ones.
    """

    ahead_limit: Annotated[Duration, Field(ge=0)] = 5 * MINUTE
    patience: Annotated[Duration, Field(ge=0)] = MINUTE
    linger: Annotated[Duration, Field(ge=0, le=SECOND)] = 20 * MS
    raw_payload: Annotated[Bytes, Field(ge=0, le=1024 * 1024)] = 4096
    full_wait: Annotated[Duration, Field(ge=0, le=5 * MINUTE)] = 10 * SECOND
    tick: Annotated[Duration, Field(ge=50 * MS, le=MINUTE)] = SECOND
    tick_spacing: Annotated[Duration, Field(ge=MS, le=SECOND)] = 50 * MS
