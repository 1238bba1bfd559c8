"""For all tests: what one test configures does not reach the next.

Properties try other examples at every run; under CI always the same, so that a red run is about the change. Speed is
never asserted: a slow machine must not fail a property.
"""

import logging
import os
import sys
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

sys.dont_write_bytecode = False  # the gateway starts hundreds of times here: its modules are compiled once
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
settings.register_profile("patient", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("patient")
os.environ["LC_ALL"] = "C.UTF-8"  # a command outside of an installation takes its language from the locale


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """The names of failed tests go into the file FAILED_TESTS: `.ci/run` runs these once more, alone."""
    file = os.environ.get("FAILED_TESTS")
    if file and report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        with open(file, "a", encoding="utf-8") as failed:
            failed.write(f"{report.nodeid}\n")


def pytest_sessionfinish() -> None:
    """The PostgreSQL server of this process ends with its tests, if there was one."""
    if kit := sys.modules.get("postgres_kit"):
        kit.opened.close()


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Commands configure logging for their process; here they all share one."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level
