"""A process to be killed: appends without end, prints what was acknowledged. argv: path, seed."""

import asyncio
import random
import sys
from pathlib import Path

from log_contract import config

from gateway.domain.reading import Reading, batch_of
from gateway.domain.record import Receipts
from gateway.journal import SqliteJournal
from gateway.ports import Append

SESSION = "gateway-1"


def digest(packet: int, seed: int) -> int:
    """The digest both sides agree on."""
    return (packet * 0x9E3779B97F4A7C15 + seed) % 2**64


async def main(path: Path, seed: int) -> None:
    rng = random.Random(seed)
    journal = SqliteJournal(path, config(linger="2ms"), partition=0)
    numbers = iter(range(1, 10**9))

    async def work() -> None:
        while True:
            n, rows = next(numbers), rng.choice([1, 5, 50, 2000])
            packet = (n - 1) % 65535 + 1
            body = batch_of([[Reading(n, rows, n, float(row)) for row in range(rows)]])
            receipts = Receipts(SESSION, [packet], [digest(packet, seed)])
            (record,) = await journal.append(0, Append((body,), (receipts,)), n)
            print(record.seq, n, packet, flush=True)

    await asyncio.gather(*(work() for _ in range(4)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
