"""A source in a process that dies after so many parcels, when the last one is journaled and its position is not saved.

Arguments: folder with `billing.db`, folder of the journal, number of parcels. Each parcel is a file of the journal.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from sql_kit import config, made

from gateway.domain.reading import encode_batch
from gateway.domain.record import Parcel


def main(folder: Path, journal: Path, parcels: int) -> None:
    count = 0

    async def emit(parcel: Parcel) -> None:
        nonlocal count
        count += 1
        (journal / f"{os.getpid()}-{count:03}").write_bytes(encode_batch(parcel.batch))
        if count == parcels:
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(made(folder, config(folder / "billing.db", batch=10)).run(emit))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
