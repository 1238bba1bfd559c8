"""Options common to several commands."""

from pathlib import Path
from typing import Any

import click

from gateway.cli.language import LANGUAGES, MAIN_FILE, inside, remembered, resolved
from gateway.domain.text import Lang, localize

__all__ = ["MAIN_FILE", "MainFile", "any_language", "main_file", "report_language"]


class MainFile(click.ParamType[Path]):
    """A main file by its path, or by its folder."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """Overrides click. The file need not exist: the reader reports a missing file."""
        path = Path(value)
        if not path.is_dir():
            return path
        file = inside(path)
        if file is None:
            lang: Lang = getattr(ctx.find_root().command, "lang", "en") if ctx is not None else "en"
            self.fail(localize("config.folder.no_main", lang, folder=path, file=MAIN_FILE), param, ctx)
        return file


main_file = click.option(
    "-c",
    "--config",
    type=MainFile(),
    default=MAIN_FILE,
    show_default=True,
    help="The main file, or the folder it is in.",
)
_LANGUAGE = "Language of the output. [default: that of the main file, else of the locale]"
report_language = click.option("--lang", type=click.Choice(LANGUAGES), callback=resolved, help=_LANGUAGE)
any_language = click.option(
    "--lang", type=click.Choice(LANGUAGES), callback=remembered, expose_value=False, help=_LANGUAGE
)
