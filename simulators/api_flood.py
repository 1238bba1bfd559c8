"""Attacks on the API from a separate process.

`python -m simulators.api_flood PORT SECONDS half-open|crumbs|giant|idle …`
"""

import asyncio
import sys
from contextlib import suppress

CONNECTIONS, SLOW_SENDERS = 600, 4
HALF = b"GET /healthz HTTP/1.1\r\nhost: 127"
SOURCE = ("127.0.0.2", 0)
"""Loopback address of the attackers. The API limits callers by address, so others must not be affected."""
HEADERS = b"POST /v1/callbacks/oa HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"


async def held(port: int, wanted: int, begun: bytes) -> None:
    """Hold this many connections, sending no more than `begun` on each; closed ones are opened again."""

    async def one() -> None:
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=SOURCE)
                writer.write(begun)
                await reader.read()
                writer.close()
            await asyncio.sleep(0.5)

    await asyncio.gather(*(one() for _ in range(wanted)))


async def crumbs(port: int) -> None:
    """Send a body in chunks of one byte, as fast as the API reads it, repeatedly."""
    while True:
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=SOURCE)
            writer.write(HEADERS + b"transfer-encoding: chunked\r\n\r\n")
            while not writer.is_closing():
                writer.write(b"1\r\nx\r\n" * 2_000)
                await writer.drain()
        await asyncio.sleep(0)


async def giant(port: int) -> None:
    """Send a body of 1 GB, with its true content-length or with none."""
    piece = b"x" * 65_536
    for how in (b"content-length: 1000000000\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n"):
        with suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=SOURCE)
            writer.write(HEADERS + how)
            for _ in range(1_000_000_000 // len(piece)):
                if writer.is_closing():
                    break
                writer.write(b"10000\r\n" + piece + b"\r\n" if b"chunked" in how else piece)
                await writer.drain()


async def main(port: int, seconds: float, kinds: list[str]) -> None:
    work = [held(port, CONNECTIONS, HALF)] if "half-open" in kinds else []
    work += [held(port, CONNECTIONS, b"")] if "idle" in kinds else []
    work += [crumbs(port) for _ in range(SLOW_SENDERS)] if "crumbs" in kinds else []
    work += [giant(port)] if "giant" in kinds else []
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*work)
            await asyncio.sleep(seconds)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
