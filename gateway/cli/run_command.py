"""`fieldgate run`"""

import asyncio
import signal
import sys
from pathlib import Path

import click
import structlog

from gateway.cli.problems import refuse
from gateway.domain.errors import ConfigError, StoreError
from gateway.settings.project import Project, load_project

DRAIN = 10.0  # seconds
log = structlog.get_logger()


@click.command("run")
@click.option(
    "-c",
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("config/gateway.yaml"),
    show_default=True,
)
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", show_default=True, help="Language of problems.")
def command(config: Path, lang: str) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; then drain within 10 s.

    Example: fieldgate run -c config/gateway.yaml
    """
    from gateway import logs

    try:
        project = load_project(config)
        logs.configure(project.settings.log.level, project.settings.log.format)
        status = asyncio.run(serve(project))
    except ConfigError as error:
        refuse(error, "en" if lang == "en" else "zh")
    except StoreError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    sys.exit(status)


async def serve(project: Project) -> int:
    """0 after a clean stop, 1 after an error that could not be undone (the service manager starts it again)."""
    from gateway.app import build

    app = build(project)
    wanted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, wanted.set)
    await app.start()
    ends = [asyncio.create_task(event.wait()) for event in (wanted, app.supervisor.fatal)]
    await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    for task in ends:
        task.cancel()
    if app.supervisor.fatal.is_set():
        return 1
    log.info("stopping")
    try:
        async with asyncio.timeout(DRAIN):
            await app.stop()
    except TimeoutError:
        log.error("not drained in time; the journal has it all", seconds=DRAIN)
        return 1
    log.info("stopped")
    return 0
