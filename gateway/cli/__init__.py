"""The command line: one file per command, `<name>_command.py`, each with a click `command`."""

import sys
from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, cast

import click

from gateway.cli.language import of_arguments, translated, use_language
from gateway.cli.options import any_language
from gateway.domain.text import Lang


class _Commands(click.Group):
    """Loads a command from the file of its name. Help and errors are in the language of the arguments."""

    lang: Lang = "en"

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Overrides `main` of click."""
        self.lang = of_arguments(sys.argv[1:] if args is None else args)
        use_language(self.lang)
        return click.Group.main(cast(click.Group, translated(self, self.lang)), args, *rest, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(m.name.removesuffix("_command") for m in iter_modules(__path__) if m.name.endswith("_command"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name}_command").command
        return translated(command, self.lang)


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@any_language
def main() -> None:
    """Fieldgate: from field telemetry to exactly one work order per fault.

    Example: fieldgate run -c gateway.yaml
    """
