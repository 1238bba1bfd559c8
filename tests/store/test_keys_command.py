"""`fieldgate keys`, beside a gateway and without one (C3)."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.domain.workorder import Role
from gateway.lock import FileLock
from gateway.store import ApiKeys, Database, SecurityAudit, temporary_key

NOW = 1_795_327_200_000_000


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "gateway.yaml").write_text("name: gw\ntimezone: Asia/Shanghai\nlanguage: en\ndata_dir: var\n", "utf-8")
    (tmp_path / "var").mkdir(mode=0o700)
    database = Database(f"sqlite:///{tmp_path / 'var' / 'fieldgate.sqlite'}")
    database.upgrade()
    database.close()
    return tmp_path / "gateway.yaml"


def keys(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["keys", *arguments, "-c", str(config)], catch_exceptions=False)


@pytest.mark.parametrize("running", [False, True])
def test_create_list_and_revoke(config: Path, running: bool) -> None:
    """C3: losing admin.key locked everybody out."""
    data = config.parent / "var"
    lock = FileLock(data / "journal.sqlite", "run") if running else None
    made = keys(config, "create", "wang", "--role", "admin", "--expires", "90d")
    assert made.exit_code == 0, made.output
    secret = made.stdout.strip()
    assert re.fullmatch(r"fg_[A-Za-z0-9_-]{43}", secret), "the key alone, so that it can be taken into a variable"
    assert "it is shown only now" in made.stderr
    database = Database(f"sqlite:///{data / 'fieldgate.sqlite'}")
    known = ApiKeys(database)
    found = known.verify(secret, NOW)
    assert found is not None
    assert (found.name, found.role) == ("wang", Role.ADMIN)
    listed = keys(config, "list").stdout
    assert listed.startswith("wang")
    assert secret not in listed
    assert keys(config, "create", "wang", "--role", "viewer").exit_code == 2
    gone = keys(config, "revoke", "wang")
    assert (gone.exit_code, "make one: fieldgate keys create" in gone.stderr) == (0, True)
    assert known.verify(secret, NOW) is None
    assert "revoked" in keys(config, "list").stdout
    assert keys(config, "revoke", "wang").exit_code == 2
    deeds = [(row.act, row.subject, row.actor.partition(":")[0]) for row in SecurityAudit(database).rows(10)]
    assert deeds == [("key.revoke", "wang", "local"), ("key.create", "wang", "local")]
    database.dispose()
    if lock is not None:
        lock.release()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "a b", "--role", "admin"), "不能作为密钥名称"),
        (("create", "x", "--role", "admin", "--expires", "soon"), "'soon' 不是有效期"),
        (("revoke", "nobody"), "没有有效的密钥 nobody"),
    ],
)
def test_what_cannot_be_is_said(config: Path, arguments: tuple[str, ...], said: str) -> None:
    result = keys(config, *arguments, "--lang", "zh")
    assert (result.exit_code, said in result.stderr) == (2, True), result.output


def test_no_data_yet(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("name: gw\ntimezone: Asia/Shanghai\nlanguage: en\n", "utf-8")
    result = keys(tmp_path / "gateway.yaml", "list")
    assert (result.exit_code, "start the gateway once" in result.stderr) == (2, True)


@pytest.mark.parametrize("lost", ["missing", "empty", "revoked"])
def test_a_command_without_the_key_of_the_admin_gets_its_own_for_as_long_as_it_takes(config: Path, lost: str) -> None:
    """C3: backtest and explain on the same machine failed without admin.key."""
    data = config.parent / "var"
    database = Database(f"sqlite:///{data / 'fieldgate.sqlite'}")
    known, file = ApiKeys(database), data / "admin.key"
    if lost != "missing":
        file.write_text("" if lost == "empty" else "fg_of-before\n", "utf-8")
    with temporary_key(known, file, Role.OPERATOR, "history") as secret:
        found = known.verify(secret, NOW)
        assert found is not None
        assert found.role is Role.OPERATOR
        assert found.expires_at is not None
    assert known.verify(secret, NOW) is None
    assert known.all() == [], "it leaves no row behind"
    assert [row.act for row in SecurityAudit(database).rows(10)] == ["key.revoke", "key.create"]
    secret, _ = known.create("admin", Role.ADMIN, NOW)
    file.write_text(f"{secret}\n", "utf-8")
    with temporary_key(known, file, Role.OPERATOR, "history") as kept:
        assert kept == secret
    database.dispose()
