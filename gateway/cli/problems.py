"""How commands speak of files that do not load: everything at once, then exit status 2."""

import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from gateway.domain.errors import ConfigError, Problem
from gateway.domain.text import Lang, say

UNUSABLE = 2


def print_filled(filled: Sequence[Problem], lang: Lang) -> None:
    """One line on standard error: what is not set here, and is not needed for what was asked."""
    if filled:
        places = ", ".join(dict.fromkeys(problem.path for problem in filled))
        click.echo(say("console.filled", lang, places=places), err=True)


def refuse(error: ConfigError, lang: Lang) -> NoReturn:
    """Print every problem on standard error and end with status 2."""
    for problem in error.problems:
        click.echo(problem.render(lang), err=True)
    click.echo(say("console.problems", lang, count=len(error.problems)), err=True)
    sys.exit(UNUSABLE)
