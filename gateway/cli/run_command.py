"""`fieldgate run`"""

import asyncio
import gc
import os
import signal
import sys
from pathlib import Path

import click
import structlog

from gateway.cli.problems import refuse
from gateway.domain.errors import ConfigError, GatewayError, InvariantBroken, StoreError
from gateway.domain.text import Lang, say
from gateway.running import App
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
    """Run the gateway until SIGTERM or Ctrl-C; then drain within 10 s. Changed rule files take effect; SIGHUP: at once.

    Example: fieldgate run -c config/gateway.yaml
    """
    from gateway import logs

    language: Lang = "en" if lang == "en" else "zh"
    os.umask(0o077)  # whatever is made from here on is for this user alone
    gc.disable()  # what a start makes stays: a fifth of its time went into looking for garbage
    try:
        project = load_project(config)
        logs.configure(project.settings.log.level, project.settings.log.format)
        status = asyncio.run(serve(project, language))
    except ConfigError as error:
        refuse(error, language)
    except (StoreError, InvariantBroken) as error:
        click.echo(error.text(language) if isinstance(error, StoreError) else str(error), err=True)
        sys.exit(1)
    sys.exit(status)


async def serve(project: Project, lang: Lang = "zh") -> int:
    """0 after a clean stop, 1 after an error that could not be undone (the service manager starts it again)."""
    from gateway.app import build

    app = build(project)
    gc.freeze()
    gc.enable()
    wanted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, wanted.set)
    loop.add_signal_handler(signal.SIGHUP, app.reload.wake)
    told = asyncio.create_task(wanted.wait())
    starting = asyncio.create_task(app.start())
    await asyncio.wait({starting, told}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await app.abandon()
        return 0
    try:
        starting.result()
    except (GatewayError, InvariantBroken):
        await app.abandon()
        raise
    _greet(app, lang)
    fatal = asyncio.create_task(app.supervisor.fatal.wait())
    await asyncio.wait({told, fatal}, return_when=asyncio.FIRST_COMPLETED)
    if app.supervisor.fatal.is_set():
        await app.abandon()
        return 1
    fatal.cancel()
    return await _drain(app)


def _greet(app: App, lang: Lang) -> None:
    """For a person at a terminal; services read the log."""
    if not sys.stderr.isatty() or app.api is None:
        return
    if app.api.first_key is not None:
        click.echo(say("console.first_key", lang, path=app.api.first_key), err=True)
    click.echo(say("console.ready", lang, name=app.settings.name, url=app.api.url), err=True)


async def _drain(app: App) -> int:
    log.info("stopping")
    try:
        async with asyncio.timeout(DRAIN):
            await app.stop()
    except TimeoutError:
        log.error("not drained in time; the journal has it all", seconds=DRAIN)
        return 1
    log.info("stopped")
    return 0
