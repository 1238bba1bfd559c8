"""`fieldgate run`"""

import asyncio
import faulthandler
import gc
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import click
import structlog

from gateway.app.lifecycle import App
from gateway.cli.options import main_file, report_language
from gateway.cli.problems import refuse
from gateway.domain.error_reasons import reason
from gateway.domain.errors import ConfigError, GatewayError, InvariantBroken, StoreError
from gateway.domain.language_values import as_text_field
from gateway.domain.text import Lang, localize
from gateway.settings.project import Project, load_project

DRAIN = 9.0  # seconds of the ten between SIGTERM and the end of the process
log = structlog.get_logger()


@click.command("run")
@main_file
@report_language
def command(config: Path, lang: Lang) -> None:
    """Run the gateway until SIGTERM or Ctrl-C; it then drains and ends within 10 s. Changed files take effect while it
    runs, with SIGHUP at once.

    Example: fieldgate run -c gateway.yaml
    """
    from gateway import logs

    for number in (signal.SIGTERM, signal.SIGINT):  # until `serve` installs its handler: there is nothing to drain yet
        signal.signal(number, lambda *_: _leave(0))
    os.umask(0o077)  # all files created from here on are for this user alone
    gc.disable()  # objects made at the start stay: a fifth of the start was spent on garbage collection
    try:
        project = load_project(config)
        faulthandler.enable()  # SIGABRT of a watchdog prints the stacks of all threads
        logs.configure(project.settings.log.level, project.settings.log.format, project.settings.language)
        asyncio.run(serve(project, lang))
    except ConfigError as error:
        refuse(error, lang)
    except (StoreError, InvariantBroken) as error:
        click.echo(as_text_field(reason(error), lang), err=True)
        _leave(1)


def _leave(status: int) -> NoReturn:
    """End the process immediately. All data is on disk. Waiting for threads in look-ups or old requests, and freeing
    memory, took up to 25 s."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


async def serve(project: Project, lang: Lang = "zh") -> NoReturn:
    """Run the gateway, then end the process: status 0 after a stop signal, 1 after an unrecoverable error (the service
    manager restarts it). Raises the errors that prevent the start."""
    from gateway.app.build import build
    from gateway.app.service_manager import ServiceManager

    manager = ServiceManager()
    app = build(project)
    gc.freeze()
    gc.enable()
    wanted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, wanted.set)
    loop.add_signal_handler(signal.SIGHUP, app.operation.reload.wake)
    stop = asyncio.create_task(wanted.wait())
    starting = asyncio.create_task(app.start())
    await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await _within(_give_up(starting, app))
        _leave(0)
    try:
        starting.result()
    except (GatewayError, InvariantBroken):
        await app.abandon()
        raise
    manager.notify("READY=1")
    if manager.every:
        app.operation.supervisor.start("watchdog", manager.run)
    _print_addresses(app, lang)
    fatal = asyncio.create_task(app.operation.supervisor.fatal.wait())
    await asyncio.wait({stop, fatal}, return_when=asyncio.FIRST_COMPLETED)
    manager.notify("STOPPING=1")
    if app.operation.supervisor.fatal.is_set():
        await _within(app.abandon())
        _leave(1)
    fatal.cancel()
    await _within(app.stop())
    _leave(0)


def _print_addresses(app: App, lang: Lang) -> None:
    """On a terminal, print the URL of the console and the file of the first key. Services read the log."""
    if not sys.stderr.isatty() or app.api is None:
        return
    if app.api.first_key is not None:
        click.echo(localize("console.first_key", lang, path=app.api.first_key), err=True)
    click.echo(localize("console.ready", lang, name=app.settings.name, url=app.api.url), err=True)


async def _give_up(starting: "asyncio.Task[None]", app: App) -> None:
    await asyncio.gather(starting, return_exceptions=True)
    await app.abandon()


async def _within(stop: Coroutine[Any, Any, None]) -> None:
    """Wait at most DRAIN seconds for `stop`. Anything not yet written is in the journal; the next start continues from
    there."""
    log.info("stopping")
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # requests cut off now are not errors
    work = asyncio.ensure_future(stop)
    done, _ = await asyncio.wait({work}, timeout=DRAIN)
    if not done:
        log.warning("the disk is slow: the next start goes on from the journal", seconds=DRAIN)
    elif error := work.exception():
        log.warning("not everything was written up: the next start goes on from the journal", error=str(error))
    log.info("stopped")
