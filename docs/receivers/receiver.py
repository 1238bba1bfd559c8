"""A receiver of Fieldgate's webhooks in Python, standard library only.

    FIELDGATE_SECRET=whsec_... python receiver.py [PORT] [FOLDER]

It checks signature and time over the raw bytes, keeps each event once by its id, on disk before it answers, and answers
at once; the work comes afterwards, from `events.jsonl`. A vector to try other code with: secret = 32 times the byte
0x30, webhook-id `msg_1`, webhook-timestamp 1700000000, body `{"a":1}` gives
webhook-signature `v1,z0gF+AgSqUCmK9E5+VdblaSkKJjio2qcazBsuPr0wWA=`.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOLERANCE = 300  # s
MOST = 64 * 1024  # bytes; events have at most 20 kB


def trusted(key: bytes, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Was it signed with our secret, lately?"""
    identity, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not identity or not stamp.isascii() or not stamp.isdigit() or abs(now - int(stamp)) > TOLERANCE:
        return False
    mac = hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
    wanted = "v1," + base64.b64encode(mac).decode()
    # two signatures stand there while a secret is being changed: one that fits is enough
    return any(hmac.compare_digest(wanted, one) for one in headers.get("webhook-signature", "").split())


class Inbox:
    """Events on disk, each once."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "events.jsonl").open("a+", encoding="utf-8")
        self._file.seek(0)
        self._known = {json.loads(line)["id"] for line in self._file}
        self._lock = threading.Lock()

    def take(self, event: Mapping[str, object]) -> bool:
        """False: it was here already."""
        with self._lock:
            if event["id"] in self._known:
                return False
            self._file.write(json.dumps(event, ensure_ascii=False) + "\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            self._known.add(str(event["id"]))
            return True


class Handler(BaseHTTPRequestHandler):
    """POST: one event."""

    protocol_version = "HTTP/1.1"
    key: bytes
    inbox: Inbox

    def do_POST(self) -> None:
        """200 taken (a repeat, too), 401 not ours, 400 no event, 413 too large."""
        length = int(self.headers.get("content-length") or 0)
        if length > MOST:
            self.close_connection = True
            return self._answer(413, {"error": "too large"})
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        if not trusted(self.key, headers, body, time.time()):
            return self._answer(401, {"error": "signature"})
        try:
            event = json.loads(body)
            fresh = self.inbox.take({**event, "id": headers["webhook-id"]})
        except (ValueError, TypeError):
            return self._answer(400, {"error": "no event"})
        return self._answer(200, {"duplicate": not fresh})

    def _answer(self, status: int, body: Mapping[str, object]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name there
        """Nothing: an address in every line helps nobody."""


def main() -> None:
    """Listen on loopback; put a TLS proxy before it, or use `ssl` of the standard library."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8090
    Handler.key = base64.b64decode(os.environ["FIELDGATE_SECRET"].removeprefix("whsec_"))
    Handler.inbox = Inbox(Path(sys.argv[2] if len(sys.argv) > 2 else "."))
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    sys.stdout.write(f"listening on {server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
