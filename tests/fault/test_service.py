"""`fieldgate run` and a service manager: told when it is live, while its loop turns and at the end; SIGHUP reloads."""

import json
import os
import re
import signal
import socket
from pathlib import Path

from hostile_kit import spawn
from process_kit import NEEDS_MOSQUITTO, project, wait_until

from simulators.servers import free_port, mosquitto

pytestmark = NEEDS_MOSQUITTO
PING = 0.1
"""Seconds between two reports that the loop turns."""


def events(log: Path) -> list[dict[str, object]]:
    """The lines of the log."""
    return [json.loads(line) for line in log.read_text("utf-8").splitlines() if line.startswith("{")]


class Running:
    """A gateway, its log, and what it is waited for in it."""

    def __init__(self, config: Path, socket_path: Path) -> None:
        self.log = config.parent / "gateway.log"
        usec = str(int(2 * PING * 1_000_000))
        env = {**os.environ, "NOTIFY_SOCKET": str(socket_path), "WATCHDOG_USEC": usec}
        with self.log.open("ab") as out:
            self.process = spawn("-m", "gateway", "run", "-c", str(config), stdout=out, stderr=out, env=env)

    def hang_up(self, event: str) -> dict[str, object]:
        """SIGHUP; the line of the log that follows."""
        before = len(events(self.log))
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: event in [one["event"] for one in events(self.log)[before:]], 10, event, self.log)
        return next(one for one in events(self.log)[before:] if one["event"] == event)


def test_a_service_from_start_to_end(tmp_path: Path) -> None:
    """C6: SIGHUP takes files over at once; a mistake in one of them keeps all as it was and says where it is."""
    with mosquitto(tmp_path / "broker") as broker, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        config = project(tmp_path / "site", broker.port, free_port(), free_port())
        text = config.read_text("utf-8").replace("log: {level: warning}", "log: {level: info, format: json}")
        config.write_text(text, "utf-8")
        running = Running(config, tmp_path / "notify")
        try:
            assert manager.recv(100) == b"READY=1"
            assert any(one["event"] == "gateway live" for one in events(running.log)), "only when it is"
            assert {manager.recv(100) for _ in range(5)} == {b"WATCHDOG=1"}
            _files_are_taken_over(config.parent, running)
            running.process.send_signal(signal.SIGTERM)
            assert running.process.wait(12) == 0
            manager.setblocking(False)
            said = b""
            while said != b"STOPPING=1":
                said = manager.recv(100)
        finally:
            running.process.kill()
            running.process.wait()


def _files_are_taken_over(site: Path, running: Running) -> None:
    rules, devices = site / "rules/kill.yaml", site / "devices.csv"
    good = rules.read_text("utf-8")
    rules.write_text(good.replace("gun_temp >= 90 degC", "gun_temp >= 91 degC"), "utf-8")
    done = running.hang_up("configuration reloaded")
    assert (done["actor"], done["changed"]) == ("SIGHUP", ["kill.hot"])

    rules.write_text(good.replace("gun_temp >= 90 degC", "gun_temp >= 91 kW"), "utf-8")
    with devices.open("a", encoding="utf-8") as file:
        file.write("NEW-1,kill\n")
    refused = running.hang_up("configuration not reloaded: everything stays as it was")
    (problem,) = refused["problems"]  # type: ignore[misc]
    assert re.search(rf"{re.escape(str(rules))}:\d+ rules\[0\]\.when: .*kW", problem), problem

    rules.write_text(good, "utf-8")
    mended = running.hang_up("configuration in order again")
    assert sorted(mended["changed"]) == ["device NEW-1", "kill.hot"]  # type: ignore[call-overload]
    same = running.hang_up("configuration read again: nothing differs")
    assert same["actor"] == "SIGHUP"
