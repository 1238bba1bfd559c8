"""How commands speak of files that do not load: everything at once, then exit status 2."""

import sys
from typing import NoReturn

import click

from gateway.domain.errors import ConfigError
from gateway.domain.text import Lang, say

UNUSABLE = 2


def refuse(error: ConfigError, lang: Lang) -> NoReturn:
    """Print every problem on standard error and end with status 2."""
    for problem in error.problems:
        click.echo(problem.render(lang), err=True)
    click.echo(say("console.problems", lang, count=len(error.problems)), err=True)
    sys.exit(UNUSABLE)
