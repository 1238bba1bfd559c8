"""The server: /api/v2/write, /query, /delete, /ping and /health of InfluxDB 2 on the loopback address.

docs.influxdata.com/influxdb/v2/api; answers and their texts as those of InfluxDB OSS 2.7.
"""

import gzip
import json
import socket
import ssl
import struct
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from simulators.influx.annotated_csv import render
from simulators.influx.bucket import Bucket
from simulators.influx.faults import Fault, Faults
from simulators.influx.flux import FluxError, Parser, time_ns
from simulators.influx.functions import run
from simulators.influx.line_protocol import BadLine, LinePoint, parse_line, split_lines

ANSWERS: dict[Fault, tuple[int, str, str]] = {
    "unauthorized": (401, "unauthorized", "unauthorized access"),
    "forbidden": (403, "forbidden", "insufficient permissions for write"),
    "no_bucket": (404, "not found", 'bucket "readings" not found'),
    "too_large": (413, "request too large", "cannot read data: points batch is too large"),
    "too_many": (429, "too many requests", "org has exceeded limited_write plan limit"),
    "unavailable": (503, "unavailable", "engine is not open"),
    "broken": (500, "internal error", "unexpected error writing points to database"),
}


class InfluxServer:
    """Runs in threads of its own from `start` to `stop`; what was written stays. One org, one bucket, one token.

    `requests`: (method, path, status) of each, -1 = the connection was reset. `tls`: certificate and key.
    """

    def __init__(
        self,
        org: str = "field",
        bucket: str = "readings",
        token: str = "t0ken",  # noqa: S107 - made up
        *,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self.org, self.bucket_name, self.token = org, bucket, token
        self.bucket, self.faults, self.lock = Bucket(), Faults(), Lock()
        self.requests: list[tuple[str, str, int]] = []
        self.port, self._tls = 0, tls
        self._open: set[socket.socket] = set()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it listens; the port stays the same after a stop."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, at the port of the last time."""
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._server.daemon_threads = True
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Cut every connection."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.shutdown()
        server.server_close()
        for connection in list(self._open):
            abort(connection)

    def opened(self, connection: socket.socket) -> None:
        """A client is there."""
        self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """It is gone."""
        self._open.discard(connection)

    def write(self, body: bytes, precision: str) -> tuple[int, str]:
        """(status, why) of a body of lines: 400 for one that is not parsed, and nothing of the body is written; 422
        for what the bucket refuses, and the rest is written."""
        wrong: list[str] = []
        points: list[LinePoint] = []
        for line in split_lines(body.decode()):
            if self.faults.bad and self.faults.bad in line:
                wrong.append(f"unable to parse '{line}': invalid number")
                continue
            try:
                points.append(parse_line(line, precision))
            except BadLine as error:
                wrong.append(f"unable to parse '{line}': {error}")
        if wrong and self.faults.strict:
            return 400, "\n".join(wrong)
        refused = ""
        with self.lock:
            for point in points:
                try:
                    self.bucket.check(point)
                except BadLine as error:
                    refused = f"failure writing points to database: partial write: {error}"
                    continue
                self.bucket.put(point, time.time_ns())
        if wrong:
            return 400, "partial write: " + "\n".join(wrong)
        return (422, refused) if refused else (204, "")

    def query(self, text: str) -> str:
        """Raises FluxError."""
        source, *calls = Parser(text).pipeline()
        if source.name != "from" or source.arguments.get("bucket") != self.bucket_name:
            raise FluxError(f"could not find bucket {source.arguments.get('bucket')!r}")
        with self.lock:
            tables = self.bucket.tables()
        return render(run(tables, calls))


def abort(connection: socket.socket) -> None:
    """Cut it: the other side gets no answer, and a reset."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: InfluxServer

    def setup(self) -> None:
        super().setup()
        self.owner.opened(self.connection)

    def finish(self) -> None:
        self.owner.closed(self.connection)
        with suppress(OSError):
            super().finish()

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, ValueError):
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/ping":
            self._answer(204)
        elif path == "/health":
            self._answer(200, json.dumps({"name": "influxdb", "status": "pass", "version": "v2.7.11"}))
        elif path == "/api/v2/buckets":
            if not self._refused():
                self._answer(200, json.dumps({"buckets": [{"name": self.owner.bucket_name, "id": "0" * 16}]}))
        else:
            self._error(404, "not found", "path not found")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        packed = len(body)
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        fault = self.owner.faults.take()
        if fault == "reset":
            return self._reset()
        if fault == "slow":
            time.sleep(self.owner.faults.seconds)
        if fault in ANSWERS:
            return self._error(*ANSWERS[fault])
        most = self.owner.faults.most_bytes
        if most and max(packed, len(body)) > most:
            return self._error(*ANSWERS["too_large"])
        if self._refused():
            return None
        split = urlsplit(self.path)
        named = {key: values[0] for key, values in parse_qs(split.query).items()}
        if named.get("org") != self.owner.org:
            return self._error(404, "not found", "organization not found")
        return self._act(split.path, named, body, hidden=fault == "reset_after")

    def _act(self, path: str, named: dict[str, str], body: bytes, *, hidden: bool) -> None:
        owner = self.owner
        if path != "/api/v2/query" and named.get("bucket") != owner.bucket_name:
            return self._error(404, "not found", f'bucket "{named.get("bucket")}" not found')
        try:
            if path == "/api/v2/write":
                if owner.faults.rows_a_second:
                    time.sleep(body.count(b"\n") / owner.faults.rows_a_second)
                status, why = owner.write(body, named.get("precision", "ns"))
                if hidden:
                    return self._reset()
                return self._answer(204) if status == 204 else self._error(status, "invalid", why)
            if path == "/api/v2/query":
                return self._answer(200, owner.query(json.loads(body)["query"]), "text/csv; charset=utf-8")
            if path == "/api/v2/delete":
                request = json.loads(body)
                with owner.lock:
                    owner.bucket.delete(
                        time_ns(request["start"]), time_ns(request["stop"]), request.get("predicate", "")
                    )
                return self._answer(204)
        except (FluxError, KeyError, ValueError) as error:
            return self._error(400, "invalid", str(error))
        return self._error(404, "not found", "path not found")

    def _refused(self) -> bool:
        if self.headers.get("authorization") == f"Token {self.owner.token}":
            return False
        self._error(*ANSWERS["unauthorized"])
        return True

    def _reset(self) -> None:
        self.owner.requests.append((self.command, urlsplit(self.path).path, -1))
        self.close_connection = True
        abort(self.connection)

    def _error(self, status: int, code: str, message: str) -> None:
        self._answer(status, json.dumps({"code": code, "message": message}))

    def _answer(self, status: int, text: str = "", kind: str = "application/json; charset=utf-8") -> None:
        self.owner.requests.append((self.command, urlsplit(self.path).path, status))
        blob = text.encode()
        self.send_response(status)
        headers: dict[str, Any] = {"X-Influxdb-Version": "v2.7.11", "X-Influxdb-Build": "OSS"}
        if status in (429, 503) and self.owner.faults.retry_after >= 0:
            headers["Retry-After"] = f"{self.owner.faults.retry_after:g}"
        if status != 204:
            headers |= {"Content-Type": kind, "Content-Length": len(blob)}
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(blob)
