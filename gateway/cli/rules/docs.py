"""`fieldgate rules docs`"""

from collections.abc import Sequence
from pathlib import Path

import click

from gateway.cli.options import report_language
from gateway.cli.rules.files import RuleProject, files, load, near, project_of, unique
from gateway.domain.errors import Problem
from gateway.domain.text import Lang


@click.command("docs")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@report_language
def docs(paths: Sequence[Path], lang: Lang) -> None:
    """Print a page about rule files: what each rule watches, when it raises, what it does. A folder means its files.

    Exit status: 0 all well, 2 a file did not load.

    Example: fieldgate rules docs config/rules --lang zh > docs/rule-library.zh.md
    """
    from rules.handbook import Chapter, page

    problems: list[Problem] = []
    projects: dict[Path | None, RuleProject] = {}
    read = []
    for file in files(paths, problems):
        folder = near(file)
        if folder not in projects:
            projects[folder] = project_of(folder, problems)
        if (loaded := load(file, projects[folder].names, problems)) is not None:
            read.append(loaded)
    for one in unique(problems):
        click.echo(one.render(lang), err=True)
    if problems:
        raise SystemExit(2)
    cases = [case for loaded in read for case in loaded.tests.cases]
    chapters = []
    for loaded in read:
        own = {rule.id for rule in loaded.rules}
        chapters.append(Chapter(Path(loaded.file).name, loaded.rules, [case for case in cases if case.rule in own]))
    click.echo(page(chapters, lang), nl=False)
