"""`fieldgate erase`"""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import main_file, report_language
from gateway.domain.errors import ConfigError, GatewayError, StoreError
from gateway.domain.text import Lang, localize
from gateway.expected_stores import JOURNAL

if TYPE_CHECKING:
    from gateway.settings.model import Settings

TIMEOUT = 30.0  # s


@click.group("erase")
def command() -> None:
    """Erase personal data.

    Example: fieldgate erase customer C-1042
    """


@command.command("customer")
@click.argument("code")
@main_file
@report_language
def customer(code: str, config: Path, lang: Lang) -> None:
    """Remove a customer: name, phone number and attributes, the notices to them, and their messages with every attempt
    to send them, whether the gateway runs or not. Take them off the list of customers first.

    The code stays where devices and notices name it. Exit status 0 removed, 1 no such customer, 2 nothing was done.

    Example: fieldgate erase customer C-1042 -c gateway.yaml
    """
    from gateway.cli.problems import refuse
    from gateway.settings.project import load_project

    try:
        project = load_project(config)
        if any(one.code == code for one in project.declared.customers):
            click.echo(localize("erase.listed", lang, code=code, file=project.settings.registry.customers), err=True)
            sys.exit(2)
        found = _running(project.settings, code, lang)
        found = _alone(project.settings, code) if found is None else found
    except ConfigError as error:
        refuse(error, lang)
    except GatewayError as error:
        click.echo(error.text(lang), err=True)
        sys.exit(2)
    if not any(found):
        click.echo(localize("erase.unknown", lang, code=code), err=True)
        sys.exit(1)
    known, notices, deliveries, texts = found
    record = localize("erase.record" if known else "erase.no_record", lang)
    fields = {"code": code, "record": record, "notices": notices, "deliveries": deliveries, "texts": texts}
    click.echo(localize("erase.done", lang, **fields))


def _running(settings: "Settings", code: str, lang: Lang) -> tuple[bool, int, int, int] | None:
    """Erase through the API of the running gateway; None when none runs."""
    from urllib.parse import quote

    import httpx

    from gateway.api.config import key_file
    from gateway.api.tls import pinned
    from gateway.domain.workorder import Role
    from gateway.store import ApiKeys, DatabasePlace, temporary_key

    api, key = settings.api, key_file(settings.data_dir, settings.tenant)
    place = DatabasePlace(settings.data_dir, settings.database)
    if not api.port or not place.exists():
        return None
    verify = pinned(api.tls.cert) if api.tls else True
    database = place.open()
    try:
        with httpx.Client(base_url=api.address, verify=verify, timeout=TIMEOUT, trust_env=False) as client:
            client.get("/healthz")  # create a key only when a gateway answers
            with temporary_key(ApiKeys(database, settings.tenant), key, Role.ADMIN, "erase") as secret:
                headers = {"authorization": f"Bearer {secret}", "accept-language": lang}
                answer = client.delete(f"/v1/customers/{quote(code, safe='')}", headers=headers)
    except httpx.TransportError:
        return None
    finally:
        database.dispose()
    if answer.status_code == httpx.codes.NOT_FOUND and answer.json().get("code") == "unknown_customer":
        return False, 0, 0, 0
    if not answer.is_success:
        raise StoreError(localize("erase.refused", lang, url=api.address, status=answer.status_code, key=key))
    counts = answer.json()
    return bool(counts["customer"]), int(counts["notices"]), int(counts["deliveries"]), int(counts["texts"])


def _alone(settings: "Settings", code: str) -> tuple[bool, int, int, int]:
    """Erase in the database itself. No gateway runs, so this process is its only writer. Raises StoreError."""
    from gateway.lock import FileLock
    from gateway.store import AuditedAct, DatabasePlace, erase_customer, hold
    from gateway.store.erase import TABLES

    place = DatabasePlace(settings.data_dir, settings.database)
    if not place.exists():
        return False, 0, 0, 0
    os.umask(0o077)
    lock = FileLock(settings.data_dir / JOURNAL, "erase")
    try:
        database = place.open()
        try:
            hold(database)
            database.upgrade()
            entry = AuditedAct(time.time_ns() // 1000, "", "", "customer.erase", code)
            erased = erase_customer(database, settings.tenant, code, entry)
            if erased:
                database.compact(TABLES)
        finally:
            database.close()
    finally:
        lock.release()
    return erased.customer, erased.notices, erased.deliveries, erased.texts
