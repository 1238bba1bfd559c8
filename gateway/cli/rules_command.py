"""`fieldgate rules`"""

import click

from gateway.cli.rules.backtest import backtest
from gateway.cli.rules.check import check
from gateway.cli.rules.docs import docs
from gateway.cli.rules.explain import explain
from gateway.cli.rules.test import test


@click.group("rules")
def command() -> None:
    """Work with rule files.

    Example: fieldgate rules test config/rules
    """


for _one in (backtest, check, docs, explain, test):
    command.add_command(_one)
