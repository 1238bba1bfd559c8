"""`fieldgate keys`"""

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import main_file, report_language
from gateway.cli.problems import UNUSABLE, refuse
from gateway.domain.duration import iso, parse_duration
from gateway.domain.errors import ConfigError, StoreError
from gateway.domain.text import Lang, localize
from gateway.domain.workorder import Role

if TYPE_CHECKING:
    from gateway.store import ApiKey, ApiKeys

ROLES = [role.value for role in Role if role is not Role.SYSTEM]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,59}")
"""Same pattern as in the API."""


class KeyRefused(Exception):
    """The request about a key cannot be carried out."""

    def __init__(self, key: str, **fields: object) -> None:
        super().__init__(key)
        self.key, self.fields = key, fields


@click.group("keys")
def command() -> None:
    """API keys of this installation, on its own machine: no key is needed, only permission to write its data folder.
    Works while the gateway runs, too. Created and revoked keys are in the audit.

    Example: fieldgate keys create wang --role engineer
    """


@command.command("list")
@main_file
@report_language
def list_keys(config: Path, lang: Lang) -> None:
    """List all keys, newest first: name, role, sites, state, last use. The keys themselves are never shown.

    Example: fieldgate keys list -c gateway.yaml
    """

    def work(keys: "ApiKeys", lang: Lang) -> None:
        found = keys.all()
        if not found:
            click.echo(localize("keys.none", lang))
        for key in found:
            click.echo(_line(key, lang))

    _with_keys(config, lang, work)


@command.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="Role: what the key may do.")
@click.option("--site", "sites", multiple=True, help="Only this site; may be given several times. [default: all]")
@click.option("--expires", help="The key expires after this time: 90d. [default: never]")
@main_file
@report_language
def create(name: str, role: str, sites: tuple[str, ...], expires: str | None, config: Path, lang: Lang) -> None:
    """Create a key for a person or a system. Only the key is written to standard output; it cannot be shown again.

    Example: KEY=$(fieldgate keys create backup-admin --role admin)
    """

    def work(keys: "ApiKeys", lang: Lang) -> None:
        from gateway.store import AuditedAct, local_actor

        now = time.time_ns() // 1000
        if not NAME.fullmatch(name):
            raise KeyRefused("keys.name", name=name)
        if any(key.name == name for key in keys.all()):
            raise KeyRefused("keys.taken", name=name)
        ends = _end(expires, now)
        entry = AuditedAct(now, local_actor(), "", "key.create", name, f"{role} {' '.join(sites)}".strip())
        secret, _ = keys.create(name, Role(role), now, sites, ends, entry)
        click.echo(localize("keys.created", lang, name=name, role=role), err=True)
        click.echo(secret)

    _with_keys(config, lang, work)


@command.command("revoke")
@click.argument("name")
@main_file
@report_language
def revoke(name: str, config: Path, lang: Lang) -> None:
    """Revoke a key at once, also in a running gateway.

    Example: fieldgate keys revoke wang
    """

    def work(keys: "ApiKeys", lang: Lang) -> None:
        from gateway.store import AuditedAct, local_actor

        now = time.time_ns() // 1000
        if not keys.revoke(name, now, AuditedAct(now, local_actor(), "", "key.revoke", name)):
            raise KeyRefused("keys.unknown", name=name)
        click.echo(localize("keys.revoked", lang, name=name))
        if not any(_admin(key, now) for key in keys.all()):
            click.echo(localize("keys.no_admin", lang), err=True)

    _with_keys(config, lang, work)


def _with_keys(config: Path, lang: Lang, work: "Callable[[ApiKeys, Lang], None]") -> None:
    """Run `work` with the keys of the database. Exit status 0 done, 2 not done, with the reason."""
    from gateway.settings import load_settings
    from gateway.store import ApiKeys, DatabasePlace, local_database

    try:
        settings = load_settings(config)
    except ConfigError as error:
        refuse(error, lang)
    try:
        with local_database(DatabasePlace(settings.data_dir, settings.database), "keys") as database:
            work(ApiKeys(database, settings.tenant), lang)
    except KeyRefused as refused:
        click.echo(localize(refused.key, lang, **refused.fields), err=True)
        sys.exit(UNUSABLE)
    except StoreError as error:
        click.echo(error.text(lang), err=True)
        sys.exit(UNUSABLE)


def _end(expires: str | None, now: int) -> int | None:
    if expires is None:
        return None
    try:
        left = parse_duration(expires)
    except ValueError:
        left = 0
    if left <= 0:
        raise KeyRefused("keys.expires", got=expires)
    return now + left


def _admin(key: "ApiKey", now: int) -> bool:
    return key.role is Role.ADMIN and not key.sites and _state(key, now) == "keys.live"


def _state(key: "ApiKey", now: int) -> str:
    if key.revoked_at is not None:
        return "keys.gone"
    return "keys.expired" if key.expires_at is not None and key.expires_at <= now else "keys.live"


def _line(key: "ApiKey", lang: Lang) -> str:
    sites = " ".join(key.sites) or localize("keys.everywhere", lang)
    used = iso(key.used_at) if key.used_at is not None else localize("keys.unused", lang)
    state = localize(_state(key, time.time_ns() // 1000), lang)
    return f"{key.name:<24} {key.role.value:<11} {state:<8} {localize('keys.used', lang, at=used)}  {sites}"
