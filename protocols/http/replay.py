"""Messages that are taken once: their receipts in the journal, and in memory those that are young enough to be sent
again."""

from typing import Final

from xxhash import xxh3_64_intdigest

from protocols.http.sender import KEY, OpenedPush

_SESSIONS: Final = 16
_MOST: Final = 200_000
Receipt = tuple[str, int, int]
"""(session, place in it, digest) of a message with a key."""


def receipt_of(source: str, topic: str, push: OpenedPush) -> Receipt | None:
    """Of a message with a key: of the same key, path and content, or of the key alone when it is taken `once`."""
    if not push.key:
        return None
    digest = xxh3_64_intdigest((push.key if push.once else f"{topic} {push.key}").encode())
    if not push.once:
        digest = xxh3_64_intdigest(push.payload, digest)
    return f"{source}/{KEY}/{digest % _SESSIONS}", digest // _SESSIONS % 65536, digest


class TakenPushes:
    """Digests of messages that are taken once, for so long: the journal may forget a receipt early, when another takes
    its place."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._at: dict[int, int] = {}

    def __contains__(self, digest: int) -> bool:
        return digest in self._at

    def add(self, digest: int, now: int) -> None:
        """`now` in µs."""
        self._at[digest] = now
        while self._at and (len(self._at) > _MOST or next(iter(self._at.values())) < now - self._kept):
            del self._at[next(iter(self._at))]
