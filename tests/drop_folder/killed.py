"""A source in a process that dies when all of a file is journaled and the file is not moved yet.

Arguments: folder, journal. Each parcel is a file of the journal.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from drop_folder.drop_kit import made

from gateway.domain.reading import encode_batch
from gateway.domain.record import Parcel


def main(folder: Path, journal: Path, rows: int) -> None:
    count = written = 0

    async def emit(parcel: Parcel) -> None:
        nonlocal count, written
        (journal / f"{count:03}").write_bytes(encode_batch(parcel.batch))
        count, written = count + 1, written + len(parcel.batch)
        if written == rows:
            os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(made(folder, block=10).run(emit))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
