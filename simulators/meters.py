"""Gas meters behind one Modbus TCP server, as a process: `python -m simulators.meters --meters 6 --seed 7`.

Prints `{"name": "meters", "host": ..., "port": ...}` and serves until SIGTERM.
"""

import argparse
import asyncio
import json
import signal
import sys

from simulators.gas_meter import GasMeterServer


async def serve(meters: int, seed: int, port: int) -> None:
    """Until SIGTERM or SIGINT."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with GasMeterServer(meters=meters, seed=seed, port=port) as server:
        sys.stdout.write(json.dumps({"name": "meters", "host": "127.0.0.1", "port": server.port}) + "\n")
        sys.stdout.flush()
        await ended.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--meters", type=int, default=6)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args()
    asyncio.run(serve(options.meters, options.seed, options.port))
