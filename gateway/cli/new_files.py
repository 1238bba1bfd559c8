"""New files of a project: their usual values, writing without overwriting, checking."""

import os
import re
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NoReturn

import click

from gateway.cli.problems import UNUSABLE
from gateway.domain.text import Lang, localize

ZONE = "Asia/Shanghai"
MODE = 0o644
SECRET = 0o600


def zone() -> str:
    """IANA name of this machine's time zone; `ZONE` when it is unknown or UTC."""
    from gateway.settings.inventory import zones

    named = os.environ.get("TZ", "").removeprefix(":")
    named = named or str(Path("/etc/localtime").resolve()).partition("zoneinfo/")[2]
    return named if named in zones() and "/" in named and not named.startswith("Etc/") else ZONE


def name_from(text: str) -> str:
    """A name for the project in the folder of this name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")[:40] or "fieldgate"


def write_project(folder: Path, files: Mapping[str, str], lang: Lang, secrets: Collection[str] = ()) -> None:
    """Write the files; `secrets` are readable by their owner only. Ends the command with status 2 when one exists."""
    for path in files:
        if (folder / path).exists():
            fail(localize("init.exists", lang, path=folder / path))
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(mode=0o700 if path in secrets else 0o755, parents=True, exist_ok=True)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET if path in secrets else MODE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
    shown = ", ".join(sorted(files))
    click.echo(localize("init.written", lang, folder=folder, files=shown))


def check_project(file: Path, lang: Lang) -> None:
    """Print what `fieldgate check` finds. Ends the command with status 2 when there is a problem."""
    from gateway.settings import inspect_project

    report = inspect_project(file)
    for problem in report.problems:
        click.echo(problem.render(lang), err=True)
    if report.project is None:
        sys.exit(UNUSABLE)
    click.echo(localize("config.check.ok", lang, file=file, **report.project.counts()))


def fail(text: str) -> NoReturn:
    """Print on standard error and end with status 2."""
    click.echo(text, err=True)
    sys.exit(UNUSABLE)
