"""`fieldgate rules explain`"""

import sys
from pathlib import Path

import click

from gateway.cli.problems import UNUSABLE, refuse
from gateway.domain.errors import CommandError, ConfigError, GatewayError, InvariantBroken, Problem
from gateway.domain.text import Lang, say


@click.command("explain")
@click.argument("alarm_id")
@click.option(
    "-c", "--config", type=click.Path(path_type=Path, dir_okay=False), default=Path("config/gateway.yaml"),
    show_default=True,
)  # fmt: skip
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="Draw it into this file, an .svg.")
@click.option("--lang", type=click.Choice(["zh", "en"]), help="Language. [default: that of the main file]")
def explain(alarm_id: str, config: Path, plot: Path | None, lang: Lang | None) -> None:
    """Why an alarm was raised: readings, signals, thresholds and where they came from, its timeline, what was done.

    Also of alarms in shadow. Works beside a running gateway and without one. Pictures are SVG, for any browser.
    Exit status 2: there is no such alarm, or it cannot be read.

    Example: fieldgate rules explain 0-1042-0 --plot why.svg
    """
    from gateway.review.installation import open_installation
    from gateway.review.page import page
    from gateway.review.pictures import of_story
    from gateway.review.story import story_of, zone_of

    try:
        _drawable(plot)
        with open_installation(config, lang) as installation:
            story = story_of(installation, alarm_id.strip())
            zone = zone_of(installation, story)
            for line in page(story, zone, installation.lang):
                click.echo(line)
            if plot is not None:
                plot.write_text(of_story(story, zone, installation.lang), "utf-8")
                click.echo(say("explain.plotted", installation.lang, path=plot), err=True)
    except ConfigError as error:
        refuse(error, lang or "en")
    except CommandError as error:
        click.echo(error.detail, err=True)
        sys.exit(UNUSABLE)
    except (GatewayError, InvariantBroken, OSError) as error:
        click.echo(str(error), err=True)
        sys.exit(UNUSABLE)


def _drawable(plot: Path | None) -> None:
    if plot is not None and plot.suffix.lower() != ".svg":
        raise ConfigError([Problem("--plot", "", "explain.svg", {"path": plot})])
