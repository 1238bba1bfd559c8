"""Output of all problems of files that do not load, then exit status 2."""

import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from gateway.domain.errors import ConfigError, Problem
from gateway.domain.text import Lang, localize

UNUSABLE = 2


def print_filled(filled: Sequence[Problem], lang: Lang) -> None:
    """Print one line on standard error with the values that are not set here and are not needed by this command."""
    if filled:
        places = ", ".join(dict.fromkeys(problem.path for problem in filled))
        click.echo(localize("console.filled", lang, places=places), err=True)


def refuse(error: ConfigError, lang: Lang) -> NoReturn:
    """Print every problem on standard error and end with status 2."""
    for problem in error.problems:
        click.echo(problem.render(lang), err=True)
    click.echo(localize("console.problems", lang, count=len(error.problems)), err=True)
    sys.exit(UNUSABLE)
