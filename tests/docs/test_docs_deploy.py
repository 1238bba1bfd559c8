"""C7: the service unit and the container file fit this program, as far as a machine without service manager and
container engine can tell: every path, command, status and time in them is that of the code."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
import tomllib
from base64 import b64encode
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import click
import pytest
from ruamel.yaml import YAML

from gateway.api.config import ApiConfig
from gateway.app.build import install_check
from gateway.app.service_manager import ServiceManager
from gateway.cli import main
from gateway.cli.problems import UNUSABLE
from gateway.cli.run_command import DRAIN
from gateway.settings import load_project

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
UNIT = (DEPLOY / "fieldgate.service").read_text("utf-8")
CHAPTERS = ("operations.md", "operations.zh.md")
INSTALLED = "/opt/fieldgate/.venv/bin/fieldgate"


def settings_of(unit: str) -> dict[str, list[str]]:
    """Key -> its values."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in unit.splitlines():
        if match := re.match(r"(\w+)=(.*)", line):
            found[match[1]].append(match[2])
    return found


SERVICE = settings_of(UNIT)


def accepted(words: list[str]) -> click.Context:
    """The command line parses with the program's own parser. Raises click.UsageError."""
    command = main.get_command(click.Context(main), words[0])
    assert command is not None, words
    return command.make_context(words[0], words[1:])


def test_the_unit_starts_a_command_that_exists() -> None:
    ((program, *words),) = [shlex.split(line) for line in SERVICE["ExecStart"]]
    assert program == INSTALLED
    assert accepted(words).params["config"] == Path("/etc/fieldgate/gateway.yaml")
    assert SERVICE["ExecReload"] == ["/bin/kill -HUP $MAINPID"], "SIGHUP reloads"


def test_the_service_manager_waits_longer_than_a_stop_takes() -> None:
    assert int(SERVICE["TimeoutStopSec"][0]) > DRAIN + 1
    assert (SERVICE["KillSignal"], SERVICE["KillMode"]) == (["SIGTERM"], ["mixed"])


def test_what_only_a_person_can_mend_is_not_tried_for_ever() -> None:
    assert SERVICE["Restart"] == ["on-failure"]
    assert SERVICE["RestartPreventExitStatus"] == [str(UNUSABLE)]


def test_the_service_has_its_own_user_and_one_place_to_write() -> None:
    assert SERVICE["User"] == SERVICE["Group"] == ["fieldgate"]
    wanted = {"ProtectSystem": "strict", "NoNewPrivileges": "yes", "StateDirectoryMode": "0700", "UMask": "0077"}
    assert {name: SERVICE[name][0] for name in wanted} == wanted
    assert not SERVICE["ReadWritePaths"], "nothing but its state"


def test_the_watchdog_is_fed_and_a_start_may_take_long() -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": SERVICE["WatchdogSec"][0] + "000000"})
    assert manager.every == 30
    assert (SERVICE["Type"], SERVICE["TimeoutStartSec"]) == (["notify"], ["infinity"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_the_unit_and_finds_it_hardened(tmp_path: Path) -> None:
    here = tmp_path / "fieldgate.service"
    here.write_text(UNIT.replace(INSTALLED, sys.executable), "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", here], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.strip()) == (0, "")
    judged = ["systemd-analyze", "security", "--offline=yes", "--threshold=25", here]
    done = subprocess.run(judged, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-400:]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_configuration_of_the_chapter_fits_the_unit(chapter: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / chapter).read_text("utf-8")
    (block,) = [one for one in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "data_dir" in one]
    written = YAML(typ="safe").load(block)
    assert written["data_dir"] == f"/var/lib/{SERVICE['StateDirectory'][0]}"
    secrets = re.findall(r"\$\{CREDENTIALS_DIRECTORY\}/([\w.]+)", block)
    assert secrets == [line.split(":")[0] for line in SERVICE["LoadCredential"]]
    (tmp_path / "oa").write_text("whsec_" + b64encode(bytes(range(40, 72))).decode())
    for name in ("profiles", "rules"):
        (tmp_path / name).mkdir()
    main_file = tmp_path / "gateway.yaml"
    main_file.write_text(f"name: x\ntimezone: UTC\n{block}".replace("/var/lib/fieldgate", str(tmp_path / "var")))
    loaded = load_project(main_file, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert set(loaded.settings.endpoints) == set(written["endpoints"])


# The container file.

INSTRUCTIONS = [
    tuple(line.split(" ", 1))
    for line in (DEPLOY / "Containerfile").read_text("utf-8").splitlines()
    if line and not line.startswith("#")
]


def said(name: str) -> list[str]:
    return [words for instruction, words in INSTRUCTIONS if instruction == name]


def test_it_is_built_from_files_that_are_there() -> None:
    sources = [word for words in said("COPY") if "--from" not in words for word in words.split()[:-1]]
    assert [name for name in sources if not (ROOT / name).exists()] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    needed = {*install_check.PACKAGES, "config", "pyproject.toml", project["project"]["readme"], "LICENSE"}
    assert needed <= set(sources), "what the wheel is made of"


def test_it_installs_the_locks_with_hashes_and_names_no_registry() -> None:
    first, second = (words for words in said("RUN") if "pip install" in words)
    names = re.findall(r"-r (\S+)", first)
    assert "--require-hashes" in first
    assert names == ["requirements/run.txt", "requirements/build.txt"]
    for name in names:
        pins = re.findall(r"^[a-z].*?(?=^[a-z]|\Z)", (ROOT / name).read_text("utf-8"), re.MULTILINE | re.DOTALL)
        assert pins
        assert all("==" in pin.splitlines()[0] and "--hash=sha256:" in pin for pin in pins)
    assert {"--no-deps", "--no-build-isolation"} <= set(second.split()), "nothing that is not locked"
    images = {words.split()[0] for words in said("FROM")}
    assert len(images) == 1
    (image,) = images
    assert re.fullmatch(r"python:(\d+\.\d+)-slim-bookworm", image), "a short name: the engine knows where from"
    assert (
        f">={image[7:11]}" == tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    )


def test_it_runs_as_nobody_in_particular_and_keeps_its_data_outside() -> None:
    assert said("USER") == ["10001:10001"]
    assert said("VOLUME") == ["/var/lib/fieldgate"]
    assert any("-m 0700 -o fieldgate" in words and "/var/lib/fieldgate" in words for words in said("RUN"))
    assert said("STOPSIGNAL") == ["SIGTERM"]
    assert said("EXPOSE") == [str(ApiConfig().port)]


def test_it_starts_a_command_that_exists() -> None:
    (entry,), (words,) = said("ENTRYPOINT"), said("CMD")
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert [*scripts] == json.loads(entry)
    assert accepted(json.loads(words)).params["config"] == Path("/etc/fieldgate/gateway.yaml")


@pytest.mark.parametrize(("answer", "healthy"), [(200, True), (503, False)])
def test_its_health_check_asks_the_health_listener(answer: int, healthy: bool) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(answer if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    (check,) = said("HEALTHCHECK")
    _, program, code = check.partition("CMD ")[1:][0], *json.loads(check.partition("CMD ")[2])[::2]
    assert program == "python"
    default = f"127.0.0.1:{ApiConfig().port + 1}/"
    assert default in code
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        here = code.replace(default, f"127.0.0.1:{server.server_port}/")
        done = subprocess.run([sys.executable, "-c", here], capture_output=True, timeout=60)
        server.shutdown()
    assert (done.returncode == 0) == healthy
