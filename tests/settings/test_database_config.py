"""`database:` of the main file."""

from pathlib import Path

import pytest

from gateway.database_config import DatabaseConfig
from gateway.domain.errors import ConfigError
from gateway.settings.project import inspect_project, load_settings

HEAD = "name: a\ntimezone: Asia/Shanghai\nlanguage: en\n"
CANARY = "c4nary/#?@of"


def written(folder: Path, text: str, **env: str) -> DatabaseConfig:
    (folder / "gateway.yaml").write_text(f"{HEAD}{text}\n", "utf-8")
    return load_settings(folder / "gateway.yaml", env).database


def test_a_file_a_url_or_parts(tmp_path: Path) -> None:
    assert written(tmp_path, "").embedded
    assert written(tmp_path, "database: sqlite").embedded
    short = written(tmp_path, "database: postgresql://ops:${PW}@db.example/fg", PW=CANARY)
    assert (short.host, short.port, short.database, short.user) == ("db.example", 5432, "fg", "ops")
    assert (short.secret(), short.tls_mode, short.schema_name) == (CANARY, "verify-full", "fieldgate_desk")
    assert CANARY not in repr(short) + short.address
    (tmp_path / "pw").write_text(f"{CANARY}\n")
    long = written(
        tmp_path, "database: {url: 'postgres://u%40x@h:6000/d', password_file: pw, tls: disable, timeout: 5s}"
    )
    assert (long.user, long.port, long.secret(), long.tls_mode) == ("u@x", 6000, CANARY, "disable")
    assert long.password_file == tmp_path / "pw"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mysql://u:SECRET@h/d", "write sqlite, or postgresql://"),
        ("postgresql://u:SECRET@h/d?sslmode=disable", "write sqlite, or postgresql://"),
        ("{url: 'postgresql://u:SECRET@h/d', user: x}", "user is part of url already"),
        ("{url: 'postgresql://u:SECRET@h/d', password_file: x}", "not both"),
        ("{schema_name: x}", "these keys are for a server"),
        ("{url: 'postgresql://u@h/d', schema: x}", "unknown key 'schema'"),
    ],
)
def test_mistakes_are_said_and_no_password_is(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        written(tmp_path, f"database: {text.replace('SECRET', '${PW}')}", PW="n3ver-shown")
    shown = "".join(problem.render(lang) for problem in caught.value.problems for lang in ("en", "zh"))  # type: ignore[arg-type]
    assert said in shown
    assert "n3ver-shown" not in shown


def test_tables_of_readings_and_orders_are_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(
        f"{HEAD}series: {{type: postgres, host: h, database: d, schema_name: s}}\n"
        "database: {url: 'postgresql://u@h/d', schema_name: s, tls: require}\n"
    )
    report = inspect_project(tmp_path / "gateway.yaml", {})
    assert any(problem.key == "database.same_schema" for problem in report.problems)
    assert any(problem.key == "database.warn.plain" for problem in report.warnings)


def test_a_command_that_does_not_open_the_database_needs_no_password(tmp_path: Path) -> None:
    text = "database: {url: 'postgresql://u@h/d', password: '${NOT_HERE}'}"
    with pytest.raises(ConfigError) as caught:
        written(tmp_path, text)
    assert "NOT_HERE" in caught.value.problems[0].render()
    report = inspect_project(tmp_path / "gateway.yaml", {}, offline=True)
    assert not any(problem.path.startswith("database") for problem in report.problems)
