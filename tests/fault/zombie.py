"""A process that applies transitions as the holder of an epoch: `python zombie.py DATABASE EPOCH STOP LAST`.

Stands still after sequence STOP until somebody continues it. Ends with 3 when a newer epoch fenced it off.
"""

import os
import signal
import sys
from pathlib import Path

from desk_kit import NOW, World, transition

from gateway.domain.errors import InvariantBroken


def main() -> int:
    database, epoch, stop, last = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    desk = World(database).another(epoch=epoch)
    for seq in range(1, last + 1):
        try:
            desk.apply([transition(seq, device=seq)], seq, (), NOW)
        except InvariantBroken as error:
            print(error, flush=True)
            return 3
        if seq == stop:
            os.kill(os.getpid(), signal.SIGSTOP)
    return 0


if __name__ == "__main__":
    sys.exit(main())
