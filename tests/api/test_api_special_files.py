"""A pipe, a device or a giant where a file of the configuration should be: a problem, and nobody waits."""

import asyncio
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from api_kit import World, house

from gateway.settings.project import inspect_project


def fifo(path: Path) -> None:
    os.mkfifo(path)


def zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


def giant(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(50 << 30)  # it takes no room


def folder(path: Path) -> None:
    path.mkdir()


KINDS = [(fifo, "special"), (zero, "special"), (giant, "too_big"), (folder, "unreadable")]


@pytest.mark.parametrize("place", ["rules/b.yaml", "profiles/b.yaml", "codes/b.yaml", "fences.yaml", "customers.csv"])
@pytest.mark.parametrize(("make", "why"), KINDS)
def test_it_is_a_problem_of_the_configuration(
    tmp_path: Path, place: str, make: Callable[[Path], None], why: str
) -> None:
    main = house(tmp_path)
    (tmp_path / "codes").mkdir(exist_ok=True)
    (tmp_path / place).unlink(missing_ok=True)
    make(tmp_path / place)
    found = inspect_project(main, {})
    assert f"config.file.{why}" in {p.key for p in found.problems if p.file.endswith(place)}
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 << 20, "KiB: it was not read whole"


@pytest.mark.parametrize(("make", "why"), KINDS)
async def test_a_reload_says_so_and_goes_on(tmp_path: Path, make: Callable[[Path], None], why: str) -> None:
    world = World(tmp_path)
    make(tmp_path / "rules" / "b.yaml")
    async with asyncio.timeout(30):
        done = await world.app.operation.reload.reload("SIGHUP")
        assert [problem.key for problem in done.problems] == [f"config.file.{why}"]
        assert (
            "b.yaml:0; the configuration is unchanged"
            in (await world.ask("GET", "/readyz?lang=en")).json()["parts"]["configuration"]
        )
        path = tmp_path / "rules" / "b.yaml"
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        assert (await world.app.operation.reload.reload("SIGHUP")).problems == ()
    await world.close()
