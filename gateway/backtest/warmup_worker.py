"""Worker process that runs one rule over stored history, beside the gateway (gateway/consumers/lookback_process.py)."""

import os
import sys
from typing import IO

from gateway.domain.reading import decode_batch
from rules.engine.rerun.warmup_job import WarmupReplay
from rules.format import compile_source

HEAD = 8
NICE = 5  # live readings have priority


def _received(pipe: IO[bytes]) -> bytes:
    return pipe.read(int.from_bytes(pipe.read(HEAD), "little"))


def main() -> None:
    """Read the seed and batches from standard input up to an empty message; write the image to standard output."""
    os.nice(NICE)
    look = WarmupReplay(_received(sys.stdin.buffer), compile_source)
    while history := _received(sys.stdin.buffer):
        look.feed(decode_batch(history))
    image = look.image()
    sys.stdout.buffer.write(len(image).to_bytes(HEAD, "little") + image)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
