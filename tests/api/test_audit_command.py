"""`fieldgate audit verify` on the database of an installation, on a backup of it, and `GET /v1/audit/orders`."""

import json
import shutil
import tarfile
from pathlib import Path

import pytest
from api_kit import World, house, problem
from click.testing import CliRunner, Result
from sqlalchemy import text

from gateway.cli import main
from gateway.domain.workorder import Role
from gateway.store import Database
from gateway.store.migrate import revisions


def verify(folder: Path, *words: str, lang: str = "en") -> Result:
    command = ["audit", "verify", "-c", str(folder / "gateway.yaml"), "--lang", lang, *words]
    return CliRunner().invoke(main, command, catch_exceptions=False)


def alter(file: Path) -> None:
    """As one who owns the file can."""
    database = Database.at(file)
    database.transact(lambda c: c.execute(text("DROP TRIGGER audit_no_update")))
    database.transact(lambda c: c.execute(text("UPDATE audit SET actor = 'nobody' WHERE number = 2")))
    database.close()


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """An installation that is stopped, with an order that was acted on."""
    world = World(tmp_path)
    report = {"command_id": "r", "device": "D1", "fault": "E07", "title": "smells"}
    no = (await world.ask("POST", "/v1/work-orders", json=report)).json()["no"]
    await world.act(no, "assign", assignee="engineer")
    await world.act(no, "comment", note="seen")
    await world.close()
    return tmp_path


def test_whole_changed_and_noted(folder: Path) -> None:
    shown = verify(folder)
    assert (shown.exit_code, "3 row(s)" in shown.output) == (0, True), shown.output
    found = json.loads(verify(folder, "--format", "json").output)
    assert (found["whole"], found["rows"], found["erased"]) == (True, 3, 0)
    newest = found["newest"]
    assert newest in shown.output
    assert verify(folder, "--noted", newest).exit_code == 0
    assert verify(folder, "--noted", "7").exit_code == 2
    alter(folder / "var" / "fieldgate.sqlite")
    shown = verify(folder, "--noted", newest)
    assert (shown.exit_code, "row 2 (order WO-" in shown.output, "version 2" in shown.output) == (1, True, True)
    assert "1 row(s) before it agree" in shown.output
    assert "第 2 行" in verify(folder, lang="zh").output
    found = json.loads(verify(folder, "--format", "json").output)
    assert (found["whole"], found["broken"]["row"], found["broken"]["version"]) == (False, 2, 2)


def test_on_a_backup_which_stays_as_it_is(folder: Path, tmp_path: Path) -> None:
    for name in ("copy", "copy.tar.gz"):
        done = CliRunner().invoke(main, ["backup", str(tmp_path / name), "-c", str(folder / "gateway.yaml")])
        assert done.exit_code == 0, done.output
    before = {path.name for path in (tmp_path / "copy" / "data").iterdir()}
    alter(folder / "var" / "fieldgate.sqlite")
    for name in ("copy", "copy.tar.gz", "copy/data/fieldgate.sqlite"):
        shown = verify(folder, "--backup", str(tmp_path / name))
        assert (shown.exit_code, "3 row(s)" in shown.output) == (0, True), shown.output
    assert {path.name for path in (tmp_path / "copy" / "data").iterdir()} == before
    alter(tmp_path / "copy" / "data" / "fieldgate.sqlite")
    assert verify(folder, "--backup", str(tmp_path / "copy")).exit_code == 1
    with tarfile.open(tmp_path / "none.tar", "w") as tar:
        tar.add(folder / "gateway.yaml", "backup.json")
    refused = verify(folder, "--backup", str(tmp_path / "none.tar"))
    assert (refused.exit_code, "on a server" in refused.output) == (2, True), refused.output
    refused = verify(folder, "--backup", str(folder / "gateway.yaml"))
    assert (refused.exit_code, "no backup with a database" in refused.output) == (2, True), refused.output


def test_a_database_of_an_older_release_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    house(tmp_path)
    made = Database.at(tmp_path / "made.db")
    made.upgrade(revisions()[0])
    made.close()
    (tmp_path / "var").mkdir()
    assert verify(tmp_path).exit_code == 2
    shutil.copy(tmp_path / "made.db", tmp_path / "var" / "fieldgate.sqlite")
    shown = verify(tmp_path)
    assert (shown.exit_code, "older release" in shown.output) == (2, True), shown.output


async def test_beside_a_running_gateway_and_by_the_api(world: World) -> None:
    world.raise_alarm()
    no = (await world.get("/v1/work-orders"))["items"][0]["no"]
    await world.act(no, "comment", note="电工")
    assert verify(world.folder).exit_code == 0
    await world.act(no, "comment", note="again")
    page = await world.get("/v1/audit/orders", params={"limit": "2"})
    assert [one["number"] for one in page["items"]] == [3, 2]
    assert page["newest"] == f"3:{page['items'][0]['hash']}"
    assert page["items"][0]["prev_hash"] == page["items"][1]["hash"]
    assert (page["items"][1]["order"], page["items"][1]["sequence"]) == (no, 2)
    assert page["items"][1]["data"]["note"] == "电工"
    rest = await world.get("/v1/audit/orders", params={"limit": "2", "cursor": page["next"]})
    assert [one["number"] for one in rest["items"]] == [1]
    assert rest["next"] == ""
    assert (await world.get("/v1/audit/orders", params={"order": "WO-1"}))["items"] == []
    mine = await world.get("/v1/audit/orders", params={"order": no, "actor": "system"})
    assert [one["type"] for one in mine["items"]] == ["created"]
    assert verify(world.folder, "--noted", page["newest"]).exit_code == 0
    problem(await world.ask("GET", "/v1/audit/orders", Role.SUPERVISOR), 403, "role")
