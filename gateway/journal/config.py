"""`journal:` of the configuration."""

from typing import Annotated

from pydantic import Field

from gateway.domain.duration import HOUR, MS, SECOND
from gateway.section import Bytes, Duration, Section

MiB = 1024 * 1024


class JournalConfig(Section):
    """Bounds of the journal file.

    `linger` is the least time between two commits: what arrives meanwhile shares one fsync. `max_bytes` and `max_age`
    bound what is kept after every consumer has passed it (a journal that is full of unread records refuses batches).
    `raw_max_bytes` bounds dead letters: the oldest lose their content first. The file does not grow while the disk has
    less than `free_space_floor` left; `ballast` is given back to a disk that is full all the same, so that deleting
    works (with neither, a full disk needs room from outside before the journal goes on). `memory` bounds what is
    kept of the last seconds for live consumers. `receipts` is the receive maximum of a session.
    """

    linger: Annotated[Duration, Field(ge=0, le=SECOND)] = 20 * MS
    max_bytes: Annotated[Bytes, Field(ge=4 * MiB)] = 2048 * MiB
    max_age: Annotated[Duration, Field(ge=60 * SECOND)] = 72 * HOUR
    raw_max_bytes: Annotated[Bytes, Field(ge=0)] = 64 * MiB
    free_space_floor: Annotated[Bytes, Field(ge=0)] = 256 * MiB
    ballast: Annotated[Bytes, Field(ge=0)] = 16 * MiB
    memory: Annotated[Bytes, Field(ge=0)] = 32 * MiB
    receipts: Annotated[int, Field(ge=1, le=65535)] = 65535
