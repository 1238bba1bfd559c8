"""Requests of a command to the API of the gateway that runs with these settings."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from gateway.cli.problems import refuse
from gateway.domain.errors import ConfigError, GatewayError, StoreError
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from gateway.settings.model import Settings

TIMEOUT: Final = 60.0
"""Seconds for one answer."""
REFUSED, UNUSABLE = 1, 2


class LocalApi:
    """The API, with a key of this machine: `admin.key`, else one for the command alone. `name` is that of the command.

    Every call ends the program when there is no gateway (status 2), or when it refuses (status 1).
    """

    def __init__(self, config: Path, lang: Lang | None, name: str) -> None:
        from gateway.settings.project import load_settings

        try:
            self.settings: Settings = load_settings(config)
        except ConfigError as error:
            refuse(error, lang or "zh")
        self.lang: Lang = lang or self.settings.language
        self._name = name

    def __call__(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int] | None = None,
        *,
        check: bool = True,
    ) -> Any:
        """The answer as JSON. Without `check` a refusal is returned, too, as its problem document."""
        import httpx

        from gateway.api.config import key_file
        from gateway.api.tls import pinned
        from gateway.domain.workorder import Role
        from gateway.store import ApiKeys, DatabasePlace, temporary_key

        api, key = self.settings.api, key_file(self.settings.data_dir, self.settings.tenant)
        place = DatabasePlace(self.settings.data_dir, self.settings.database)
        if not api.port or not place.exists():
            self.fail(localize("readings.no_gateway", self.lang, url=api.address))
        verify = pinned(api.tls.cert) if api.tls else True
        database = place.open()
        try:
            with httpx.Client(base_url=api.address, verify=verify, timeout=TIMEOUT, trust_env=False) as client:
                client.get("/healthz")  # make a key only when a gateway answers
                with temporary_key(ApiKeys(database, self.settings.tenant), key, Role.ADMIN, self._name) as secret:
                    headers = {"authorization": f"Bearer {secret}", "accept-language": self.lang}
                    answer = client.request(method, path, json=body, params=query, headers=headers)
        except httpx.TransportError:
            self.fail(localize("readings.no_gateway", self.lang, url=api.address))
        except (StoreError, GatewayError) as error:
            self.fail(error.text(self.lang))
        finally:
            database.dispose()
        content = answer.json()
        if check and not answer.is_success:
            for line in refusal(content):
                click.echo(line, err=True)
            sys.exit(REFUSED)
        return content

    def fail(self, message: str) -> NoReturn:
        """Nothing was done."""
        click.echo(message, err=True)
        sys.exit(UNUSABLE)


def refusal(problem: Mapping[str, Any]) -> list[str]:
    """The lines of a problem document: what is wrong, and what could be done instead."""
    lines = [str(problem.get("detail") or problem.get("title") or "")]
    lines += [f"  {one['path']}: {one['message']}" for one in problem.get("errors") or ()]
    return lines + [f"  {one['text']}" for one in problem.get("possible") or ()]
