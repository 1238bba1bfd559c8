"""Child processes of the demo."""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from simulators.servers import BrokerProcess, free_port

CONFIG = Path(__file__).parents[3] / "config" / "demo"
BUILTIN = Path(__file__).parents[2] / "_builtin" / "demo"
SCENARIO = Path(__file__).parents[3] / "simulators" / "scenarios" / "demo.yaml"


@dataclass(slots=True)
class DemoProcesses:
    """All child processes of the demo. Ports are free ones; secrets are new in each run."""

    folder: Path
    broker: BrokerProcess
    lang: str
    seed: int
    api: int = 0
    ports: dict[str, int] = field(default_factory=dict)
    children: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    starts: int = 0

    @property
    def data(self) -> Path:
        """The gateway's data folder."""
        return self.folder / "data"

    def open(self) -> None:
        """Start the OA system, the SMS gateway and the meters; each prints its port."""
        for name in ("oa", "sms"):
            (self.folder / f"{name}.secret").write_text("whsec_" + secrets.token_hex(16) + "\n", "ascii")
        oa = [
            "-m",
            "simulators.oa",
            "--secret-file",
            str(self.folder / "oa.secret"),
            "--actions",
            "assign,accept,start",
        ]
        sms = ["-m", "simulators.sms", "--secret-file", str(self.folder / "sms.secret")]
        self._spawn("oa", oa)
        self._spawn("sms", sms)
        self._spawn("meters", ["-m", "simulators.meters", "--meters", "6", "--seed", str(self.seed)])
        for name in ("oa", "sms", "meters"):
            self.ports[name] = self._port(name)
        self.api = free_port()

    def _spawn(self, name: str, arguments: list[str], env: dict[str, str] | None = None) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.children[name] = subprocess.Popen(  # noqa: S603
                [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=log, env=env or dict(os.environ)
            )

    def _port(self, name: str) -> int:
        out = self.children[name].stdout
        assert out is not None
        line = out.readline()
        if not line:
            raise RuntimeError(f"{name} did not start, see {self.folder / name}.log")
        return int(json.loads(line)["port"])

    def start_gateway(self) -> None:
        """Start `fieldgate run` with the demo configuration."""
        oa, sms = (f"http://127.0.0.1:{self.ports[name]}" for name in ("oa", "sms"))
        env = dict(os.environ) | {
            "DEMO_DATA": str(self.data),
            "DEMO_API": str(self.api),
            "DEMO_LANG": self.lang,
            "DEMO_MQTT": self.broker.url,
            "DEMO_MODBUS": f"127.0.0.1:{self.ports['meters']}",
            "DEMO_OA": f"{oa}/hooks/oa",
            "DEMO_OA_SECRET": str(self.folder / "oa.secret"),
            "DEMO_SMS": f"{sms}/send",
            "DEMO_SMS_SECRET": str(self.folder / "sms.secret"),
        }
        config = CONFIG if CONFIG.is_dir() else BUILTIN
        self._spawn("gateway", ["-m", "gateway", "run", "-c", str(config / "gateway.yaml"), "--lang", self.lang], env)
        self.starts += 1

    async def ready(self, seconds: float = 30.0) -> float:
        """Wait until the gateway is ready; returns ms. Raises RuntimeError."""
        start = time.monotonic()
        async with httpx.AsyncClient(timeout=2) as client:
            while time.monotonic() - start < seconds:
                if self.children["gateway"].poll() is not None:
                    break
                try:
                    if (await client.get(f"http://127.0.0.1:{self.api}/readyz")).status_code == httpx.codes.OK:
                        return (time.monotonic() - start) * 1000
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.02)
        tail = (self.folder / "gateway.log").read_text("utf-8", "replace")[-2000:]
        raise RuntimeError(f"the gateway did not become ready\n{tail}")

    def start_fleet(self, seconds: float) -> None:
        """Start chargers, sensors and vans."""
        self._spawn(
            "fleet",
            [
                "-m",
                "simulators.fleet",
                "--broker",
                f"127.0.0.1:{self.broker.port}",
                "--scenario",
                str(SCENARIO),
                "--seed",
                str(self.seed),
                "--for",
                str(seconds),
                "--ledger",
                str(self.folder / "ledger"),
            ],
        )

    def kill_gateway(self) -> None:
        """Send SIGKILL: the gateway gets no chance to clean up."""
        self.children["gateway"].kill()
        self.children["gateway"].wait()

    def end(self, name: str, seconds: float = 20.0) -> int:
        """Send SIGTERM, wait, return the exit status."""
        process = self.children.pop(name)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            if process.stdout is not None:
                process.stdout.close()

    def close(self) -> None:
        """End all processes that still run."""
        for name in list(self.children):
            self.end(name, 5)

    async def get(self, name: str, path: str) -> Any:
        """GET a path of a simulator and return its JSON; {} when it does not answer."""
        try:
            async with httpx.AsyncClient(timeout=2) as client:
                return (await client.get(f"http://127.0.0.1:{self.ports[name]}{path}")).json()
        except httpx.TransportError:
            return {}

    async def metric(self, name: str, **labels: str) -> int:
        """Sum over the gateway's samples with this name and these labels; 0 while the gateway is down."""
        try:
            async with httpx.AsyncClient(timeout=2) as client:
                text = (await client.get(f"http://127.0.0.1:{self.api}/metrics")).text
        except httpx.TransportError:
            return 0
        wanted = [line for line in text.splitlines() if line.startswith(name)]
        return int(sum(float(w.rsplit(" ", 1)[1]) for w in wanted if all(f'{k}="{v}"' in w for k, v in labels.items())))
