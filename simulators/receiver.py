"""Webhook receiver with very little CPU use: answers every POST with 200, or reads it and never answers.

    python -m simulators.receiver [--hang] [--seconds 0.05]      prints {"port": ...}, then one line per request

A line is `<monotonic seconds> <webhook-id>`, written as the request comes in.
"""

import asyncio
import json
import sys
import time

import click

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Receiver(asyncio.Protocol):
    """Reads whole requests with a content-length, one after the other on a connection."""

    def __init__(self, hang: bool, seconds: float) -> None:
        self._hang, self._seconds, self._rest = hang, seconds, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            fields = dict(line.split(b": ", 1) for line in self._rest[:end].lower().split(b"\r\n")[1:])
            whole = end + 4 + int(fields[b"content-length"])
            if len(self._rest) < whole:
                return
            self._rest = self._rest[whole:]
            sys.stdout.write(f"{time.monotonic():.6f} {fields[b'webhook-id'].decode()}\n")
            sys.stdout.flush()
            if not self._hang:
                asyncio.get_running_loop().call_later(self._seconds, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(_ANSWER)


async def serve(hang: bool, seconds: float) -> None:
    """Until killed."""
    server = await asyncio.get_running_loop().create_server(lambda: Receiver(hang, seconds), "127.0.0.1", 0)
    click.echo(json.dumps({"port": server.sockets[0].getsockname()[1]}))
    await server.serve_forever()


@click.command()
@click.option("--hang", is_flag=True, help="Take every request, answer none.")
@click.option("--seconds", default=0.0, show_default=True, help="How long an answer takes.")
def main(hang: bool, seconds: float) -> None:
    """Run the receiver."""
    asyncio.run(serve(hang, seconds))


if __name__ == "__main__":
    main()
