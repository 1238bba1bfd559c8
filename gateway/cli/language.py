"""Language of a command: `--lang`, else that of its main file, else that of the locale."""

import os
import re
from collections.abc import Mapping, Sequence
from copy import copy
from inspect import cleandoc
from pathlib import Path

import click
from click import core, decorators, exceptions, formatting, parser, types

from gateway.domain.text import Lang, catalogue, localize

MAIN_FILE = Path("gateway.yaml")
RULES = "rules"
"""Usual name of the folder of rules."""
LANGUAGES = ("zh", "en")
_WRITTEN = re.compile(rb"^language:[ \t]*[\"']?(zh|en)\b", re.MULTILINE)
_CLICK_MODULES = (core, decorators, exceptions, formatting, parser, types)
_KEY = "fieldgate.language"


def of_file(path: Path) -> Lang | None:
    """The `language` of a main file, zh when it has none; None when the file cannot be read. The file may be
    invalid."""
    try:
        found = _WRITTEN.search(path.read_bytes()[:1_000_000])
    except OSError:
        return None
    return "en" if found is not None and found[1] == b"en" else "zh"


def of_locale(env: Mapping[str, str] = os.environ) -> Lang:
    """Language of the locale, as in gettext: the first of LC_ALL, LC_MESSAGES and LANG that is set."""
    name = next((env[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if env.get(key)), "")
    return "zh" if name.lower().startswith("zh") else "en"


def of_arguments(args: Sequence[str]) -> Lang:
    """Language for help and for wrong arguments, before any parsing."""
    named = _value(args, "--lang")
    if named in LANGUAGES:
        return "en" if named == "en" else "zh"
    file = _value(args, "-c") or _value(args, "--config")
    return of_file(_file(Path(file)) if file else MAIN_FILE) or of_locale()


def inside(folder: Path) -> Path | None:
    """Main file of a folder, or of the project that owns this folder of rules; None when there is none."""
    places = (folder, folder.resolve().parent) if folder.resolve().name == RULES else (folder,)
    return next((one / MAIN_FILE for one in places if (one / MAIN_FILE).is_file()), None)


def _file(path: Path) -> Path:
    return (inside(path) or path) if path.is_dir() else path


def _value(args: Sequence[str], option: str) -> str:
    for n, arg in enumerate(args):
        if arg == option:
            return args[n + 1] if n + 1 < len(args) else ""
        if arg.startswith(f"{option}="):
            return arg.partition("=")[2]
    return ""


def resolved(ctx: click.Context, _param: click.Parameter, value: str | None) -> Lang:
    """Callback of `--lang`. A command without `--config` belongs to no installation."""
    if value is not None:
        return "en" if value == "en" else "zh"
    if (root := ctx.find_root().meta.get(_KEY)) is not None:
        return "en" if root == "en" else "zh"
    option = next((one for one in ctx.command.params if one.name == "config"), None)
    if option is None:
        return of_locale()
    config = ctx.params.get("config") or option.default  # a separate default, or click's marker for "no default"
    return of_file(config if isinstance(config, Path) else MAIN_FILE) or of_locale()


def remembered(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    """Callback of `--lang` before the command name: valid unless the command has its own `--lang`."""
    ctx.meta[_KEY] = value


def use_language(lang: Lang) -> None:
    """Set the language of click's own messages. click reads them through gettext, by this name in each module."""

    def one(message: str) -> str:
        return _help_text(message, lang)

    def many(single: str, plural: str, count: int) -> str:
        return _help_text(single if count == 1 else plural, lang)

    for module in _CLICK_MODULES:
        vars(module).update({"_": one} | ({"ngettext": many} if "ngettext" in vars(module) else {}))
    click.Context.formatter_class = _Chinese if lang == "zh" else click.HelpFormatter


class _Chinese(click.HelpFormatter):
    """Chinese headings: a full-width colon at the end, without a space beside it."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Overrides click."""
        super().write_usage(prog, args, prefix)
        self.buffer[-2:] = ["".join(self.buffer[-2:]).replace("： ", "：", 1)]

    def write_heading(self, heading: str) -> None:
        """Write one heading."""
        self.write(f"{'':>{self.current_indent}}{heading}：\n")


def translated(command: click.Command, lang: Lang) -> click.Command:
    """The command and its sub-commands with help in `lang`; in English unchanged."""
    if lang == "en":
        return command
    copied = copy(command)
    vars(copied)["_help_option"] = None  # click caches the object made for the earlier language
    copied.help = help_in(command.help or "", lang)
    copied.short_help = copied.help.partition("\n")[0].split("。")[0] + "。"
    copied.options_metavar = localize("help.options", lang)
    copied.params = [_option(one, lang) for one in command.params]
    if isinstance(copied, click.Group):
        copied.subcommand_metavar = localize("help.rest", lang)
        copied.commands = {name: translated(one, lang) for name, one in copied.commands.items()}
    return copied


def help_in(text: str, lang: Lang) -> str:
    """Help text paragraph by paragraph; of examples only the word in front is translated."""
    paragraphs = re.split(r"\n\s*\n", cleandoc(text))
    return "\n\n".join(_paragraph(one, lang) for one in paragraphs)


def _paragraph(text: str, lang: Lang) -> str:
    if "Example:" in text:
        return text.replace("Example:", localize("help.example", lang))
    return _help_text(" ".join(text.split()), lang)


def _option(parameter: click.Parameter, lang: Lang) -> click.Parameter:
    copied = copy(parameter)
    if isinstance(copied, click.Option) and copied.help:
        copied.help = _help_text(" ".join(copied.help.split()), lang)
    return copied


def _help_text(message: str, lang: Lang) -> str:
    """Catalogue text for an English help text, without filled fields; the same text when there is none."""
    pair = catalogue().get(f"help.{message}")
    return message if pair is None else pair[1 if lang == "zh" else 0]
