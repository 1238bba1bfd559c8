"""Errors of the gateway, and where each is caught.

GatewayError
+-- ConfigError         start-up and reload: every problem at once; exit 2            <- cli
+-- SourceError
|   +-- SourceUnavailable  no answer, timeout: restart with backoff                   <- supervisor
|   +-- SourceRejected     wrong credentials, unit or register: long backoff          <- supervisor
|   +-- DecodeError        one message or point: dead letter, count, go on            <- the source itself
+-- StoreError
|   +-- StoreUnavailable   hold the batch, stop taking more; `closed`: for good       <- supervisor
|   +-- StoreFull          the disk or the configured bound is reached                <- intake
|   +-- StoreRejected      wrong credentials, rights or tables: long backoff          <- supervisor
+-- DeliveryError
|   +-- DeliveryDeferred   try again, not before `retry_after`                        <- delivery
|   +-- DeliveryRefused    never again for this one: dead letter                      <- delivery
+-- WorkerFailed           a worker process ended without a result                      <- caller of the worker
+-- CommandError           an API caller sent an illegal request: problem+json        <- api
InvariantBroken is not a GatewayError: nobody catches it, the process stops.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from gateway.domain.language_values import Phrase
from gateway.domain.text import Lang, localize

_CELL = re.compile(r"row (\d+), column (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a file written by a person: its place, its text, and the correction.

    `key` is a text of the catalogue, `fields` fill it. `path` is the place inside the file (`rules[2].hold.for`, `row
    17, column sn`), `line` counts from 1 (0 = unknown).
    """

    file: str
    path: str
    key: str
    fields: Mapping[str, object] = field(default_factory=dict)
    line: int = 0

    def render(self, lang: Lang = "en") -> str:
        """`gateway.yaml:12 sources.meters.pol: unknown key; write poll` in `lang`."""
        file = f"{self.file}:{self.line}" if self.line else self.file
        place = f"{file} {self.place(lang)}" if self.path else file
        return localize("config.problem", lang, place=place, text=localize(self.key, lang, **self.fields))

    def place(self, lang: Lang) -> str:
        """`path` in `lang`; the place of a cell is in words."""
        cell = _CELL.fullmatch(self.path)
        return localize("config.csv.cell", lang, row=cell[1], column=cell[2]) if cell else self.path


class GatewayError(Exception):
    """Base of all expected errors. `text` gives the message in a language if the catalogue has it."""

    key: str = ""
    fields: Mapping[str, object] = {}

    @classmethod
    def of(cls, key: str, **fields: object) -> Self:
        """Error with a text of the catalogue."""
        error = cls(localize(key, **fields))
        error.key, error.fields = key, fields
        return error

    def text(self, lang: Lang) -> str:
        """Message for the user."""
        return Phrase(self.key, self.fields).text(lang) if self.key else str(self)


class ConfigError(GatewayError):
    """Files that do not load. `problems` holds all of them, never only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.render() for problem in self.problems))


class WorkerFailed(GatewayError):
    """A worker process ended without a result."""


class SourceError(GatewayError):
    """A source needs a restart."""


class SourceUnavailable(SourceError):
    """No answer: restart with backoff."""


class SourceRejected(SourceError):
    """The other side refused us (credentials, protocol, authorisation): restart with a long backoff."""


class DecodeError(SourceError):
    """One message or point cannot be understood. `reason` is a short counted label."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


class StoreError(GatewayError):
    """A store could not carry out an operation. `closed`: it is closed for good, and waiting would not help."""

    closed = False


class StoreUnavailable(StoreError):
    """Locked, unreachable, restarting: keep the batch and try again."""


class StoreFull(StoreError):
    """No room by disk or by the configured bound."""


class StoreRejected(StoreError):
    """The server refuses us until a person changes something (password, rights, tables): wait long between tries."""


class DeliveryError(GatewayError):
    """A delivery attempt failed."""


class DeliveryDeferred(DeliveryError):
    """Try again; `retry_after` µs is the least wait requested by the receiver (0 = use our schedule).

    `charge` is False when the attempt must not count (breaker open, endpoint paused).
    """

    def __init__(self, reason: str, *, retry_after: int = 0, status: int = 0, charge: bool = True) -> None:
        self.reason, self.retry_after, self.status, self.charge = reason, retry_after, status, charge
        super().__init__(reason)


class DeliveryRefused(DeliveryError):
    """This delivery will never succeed: dead letter. `disable` = the endpoint itself is gone (HTTP 410)."""

    def __init__(self, reason: str, *, status: int = 0, disable: bool = False) -> None:
        self.reason, self.status, self.disable = reason, status, disable
        super().__init__(reason)


class CommandError(GatewayError):
    """Request that is not allowed. Rendered as RFC 9457 problem+json.

    `status` 404 unknown, 422 invalid content; 409 is a Conflict.
    """

    def __init__(self, status: int, code: str, detail: str, **extra: object) -> None:
        self.status, self.code, self.detail, self.extra = status, code, detail, extra
        super().__init__(f"{code}: {detail}")


class Conflict(CommandError):
    """409: not possible now. `possible`: acts that are allowed instead, each with a text `possible.<act>` of the
    catalogue that `fields` fill; never empty."""

    def __init__(self, code: str, possible: Sequence[str], *, key: str, fields: Mapping[str, object], **extra: object):
        self.possible = tuple(possible)
        detail = localize(key, "en", **fields)
        super().__init__(409, code, detail, key=key, fields=fields, possible=self.possible, **extra)


class InvariantBroken(Exception):
    """A promise of DESIGN section 1 does not hold. Stops the process."""
