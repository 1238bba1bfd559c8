"""Chain of the audit of orders: the hash of each row covers the row before it. Pure; one chain per tenant.

`hash` is SHA-256 (hex) of the canonical JSON of the row: an object with the fields of `_canonical`, keys sorted, no
spaces, UTF-8. Text that may hold personal data (`data`) is covered by its digest alone, SHA-256 of salt, line feed,
text: text and salt can be erased, and the chain stays whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import orjson
from msgspec import Struct

from gateway.domain.language_values import Phrase
from gateway.domain.workorder import Audit

FIRST: Final = "0" * 64
"""`prev_hash` of the first row of a chain."""
ERASED: Final = "{}"
"""`data` of a row whose text was erased; its `salt` is ""."""


class AuditLink(Struct, frozen=True):
    """Place of a row in the chain. `number` counts from 1 without gaps; `digest` of the text; `salt` "" = the text was
    erased."""

    number: int
    prev_hash: str
    hash: str
    digest: str
    salt: str


class ChainedAudit(Struct, frozen=True):
    """A row of the audit with its place in the chain."""

    entry: Audit
    link: AuditLink

    @property
    def erased(self) -> bool:
        """The text of the row was erased."""
        return not self.link.salt


class ChainHead(Struct, frozen=True):
    """Number and hash of the newest row; (0, FIRST) = no row yet."""

    number: int = 0
    hash: str = FIRST

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """First row that differs from the chain: its number, its order (id, "" = no row) and version, and the reason."""

    number: int
    order: str
    seq: int
    why: Phrase


@dataclass(frozen=True, slots=True)
class ChainReport:
    """Result of a check: rows that agree, those of them whose text was erased, the newest row that agrees."""

    rows: int
    erased: int
    head: ChainHead
    broken: ChainBreak | None = None


def text_digest(salt: str, data: str) -> str:
    """Digest of the text of a row."""
    return sha256(f"{salt}\n{data}".encode()).hexdigest()


def row_hash(entry: Audit, number: int, prev_hash: str, digest: str) -> str:
    """Hash of a row: covers all of it but its text and salt."""
    return sha256(_canonical(entry, number, prev_hash, digest)).hexdigest()


def chained(entries: Sequence[Audit], salts: Sequence[str], head: ChainHead) -> list[ChainedAudit]:
    """The rows of one tenant, in order, as continuation of the chain after `head`. One salt a row."""
    found, number, previous = [], head.number, head.hash
    for entry, salt in zip(entries, salts, strict=True):
        number += 1
        digest = text_digest(salt, entry.data)
        link = AuditLink(number, previous, row_hash(entry, number, previous, digest), digest, salt)
        found.append(ChainedAudit(entry, link))
        previous = link.hash
    return found


def checked(rows: Iterable[ChainedAudit], head: ChainHead, noted: ChainHead | None = None) -> ChainReport:
    """Compare the rows of a tenant, by number, with their hashes and with the kept head; ends at the first difference.
    `noted`: number and hash that somebody noted earlier, in another place."""
    last, count, erased = ChainHead(), 0, 0
    for row in rows:
        why = _difference(row, last, noted)
        if why is not None:
            broken = ChainBreak(row.link.number, row.entry.order, row.entry.seq, why)
            return ChainReport(count, erased, last, broken)
        last, count, erased = ChainHead(row.link.number, row.link.hash), count + 1, erased + row.erased
    return ChainReport(count, erased, last, _missing_end(last, head, noted))


def _difference(row: ChainedAudit, last: ChainHead, noted: ChainHead | None) -> Phrase | None:
    link = row.link
    if link.number != last.number + 1:
        return Phrase("audit.gap", {"first": last.number + 1, "last": link.number - 1})
    if row.erased:
        if row.entry.data != ERASED:
            return Phrase("audit.text")
    elif text_digest(link.salt, row.entry.data) != link.digest:
        return Phrase("audit.text")
    if link.prev_hash != last.hash:
        return Phrase("audit.link", {"before": last.number, "expected": last.hash, "found": link.prev_hash})
    expected = row_hash(row.entry, link.number, link.prev_hash, link.digest)
    if link.hash != expected:
        return Phrase("audit.row", {"expected": expected, "found": link.hash})
    if noted is not None and noted.number == link.number and noted.hash != link.hash:
        return Phrase("audit.noted", {"expected": noted.hash, "found": link.hash})
    return None


def _missing_end(last: ChainHead, head: ChainHead, noted: ChainHead | None) -> ChainBreak | None:
    if last.number < head.number:
        why = Phrase("audit.end", {"first": last.number + 1, "last": head.number})
        return ChainBreak(last.number + 1, "", 0, why)
    if last != head:
        return ChainBreak(last.number, "", 0, Phrase("audit.head", {"newest": str(head)}))
    if noted is not None and noted.number > last.number:
        why = Phrase("audit.end", {"first": last.number + 1, "last": noted.number})
        return ChainBreak(last.number + 1, "", 0, why)
    return None


def _canonical(entry: Audit, number: int, prev_hash: str, digest: str) -> bytes:
    fields = {
        "after": entry.after,
        "actor": entry.actor,
        "at": entry.at,
        "before": entry.before,
        "digest": digest,
        "number": number,
        "occurred_at": entry.occurred_at,
        "order": entry.order,
        "prev_hash": prev_hash,
        "role": entry.role,
        "seq": entry.seq,
        "tenant": entry.tenant,
        "type": entry.type,
    }
    return orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
