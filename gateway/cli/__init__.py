"""The command line: one file per command, `<name>_command.py`, each with a click `command`."""

from importlib import import_module
from pkgutil import iter_modules

import click


class _Commands(click.Group):
    """Finds a command in the file of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(m.name.removesuffix("_command") for m in iter_modules(__path__) if m.name.endswith("_command"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name}_command").command
        return command


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Fieldgate: field telemetry in, one work order per fault out.

    Example: fieldgate run -c gateway.yaml
    """
