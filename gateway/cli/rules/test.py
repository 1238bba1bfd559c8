"""`fieldgate rules test`"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import report_language
from gateway.cli.rules.files import RuleProject, files, load, near, project_of, unique
from gateway.domain.errors import Problem
from gateway.domain.text import Lang, localize

if TYPE_CHECKING:
    from rules.casetest import CaseResult
    from rules.compiled import Rule


@click.command("test")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output format.")
@report_language
@click.option(
    "--profiles",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder of device profiles; by default the `profiles` next to the folder of the rules.",
)
def test(paths: Sequence[Path], form: str, lang: Lang, profiles: Path | None) -> None:
    """Run the tests inside rule files; a folder means all its .yaml files.

    Exit status: 0 all passed, 1 a case failed, 2 a file did not load.

    Example: fieldgate rules test config/rules --lang zh
    """
    from rules.casetest import as_json, as_text

    problems: list[Problem] = []
    outcomes: list[CaseResult] = []
    projects: dict[Path | None, RuleProject] = {}
    for file in files(paths, problems):
        folder = profiles or near(file)
        if folder not in projects:
            projects[folder] = project_of(folder, problems)
        outcomes += _run(file, projects[folder], problems)
    problems = unique(problems)  # a file used by several rule files is read for each; its problems are shown once
    if form == "json":
        shown = as_json(outcomes) | ({"problems": [one.render(lang) for one in problems]} if problems else {})
        click.echo(json.dumps(shown, ensure_ascii=False, indent=1))
    else:
        if outcomes:
            click.echo(as_text(outcomes, lang))
        elif not problems:
            click.echo(localize("casetest.empty", lang, paths=", ".join(map(str, paths))))
        for one in problems:
            click.echo(one.render(lang), err=True)
    raise SystemExit(2 if problems else int(any(not outcome.ok for outcome in outcomes)))


def _run(file: Path, project: "RuleProject", problems: list[Problem]) -> "list[CaseResult]":
    from rules.casetest import check_cases, run_cases
    from rules.format import merge, policy_source

    loaded = load(file, project.names, problems)
    if loaded is None:
        return []
    used, complete = [loaded], not loaded.problems
    for name in loaded.tests.use:
        other = file.parent / name
        more = load(other, loaded.tests.names, problems) if other.is_file() else None
        if not other.is_file():
            problems.append(Problem(str(file), "use", "casetest.use", {"path": name, "reason": "-"}))
        if more is not None:
            used.append(more)
        complete = complete and more is not None and not more.problems
    rules: Sequence[Rule]
    rules, wrong = merge(used)
    tests = project.around(loaded.tests)
    if wrong or not complete:
        problems += wrong
        rules = tuple({rule.id: rule for rule in rules}.values())
        broken = {place.id for one in used for place in one.places}
        if len(used) == 1 + len(loaded.tests.use):
            problems += check_cases(tests, rules, b"", broken)  # all errors at once, those of the tests included
        return []
    outcomes, flaws = run_cases(tests, rules, policy_source(used))
    problems += flaws
    return outcomes
