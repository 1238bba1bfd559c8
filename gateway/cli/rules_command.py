"""`fieldgate rules test`"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.domain.device import PointSpec
from gateway.domain.errors import Problem
from gateway.domain.text import Lang, say

if TYPE_CHECKING:
    from rules.casetest import Outcome
    from rules.compiled import Rule
    from rules.format import Loaded

_SUFFIXES = {".yaml", ".yml"}
Words = tuple[Mapping[str, Mapping[str, PointSpec]], Mapping[str, Mapping[str, str]]]


@click.group("rules")
def command() -> None:
    """Work with rule files.

    Example: fieldgate rules test config/rules
    """


@command.command("test")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="How to print the outcome.")
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", help="Language of what is printed.")
@click.option(
    "--profiles", type=click.Path(path_type=Path, file_okay=False), default=None,
    help="Folder of device profiles; by default the `profiles` next to the folder of the rules.",
)  # fmt: skip
def test(paths: Sequence[Path], form: str, lang: Lang, profiles: Path | None) -> None:
    """Run the tests inside rule files; a folder means all its .yaml files.

    Exit status: 0 all passed, 1 a case failed, 2 a file did not load.

    Example: fieldgate rules test config/rules --lang zh
    """
    from rules.casetest import as_json, as_text

    problems: list[Problem] = []
    outcomes: list[Outcome] = []
    for file in _files(paths, problems):
        words = _words(profiles or _near(file), problems)
        outcomes += _run(file, words, problems)
    problems = _unique(problems)  # a profile is read for every file, its problems are told once
    if form == "json":
        shown = as_json(outcomes) | ({"problems": [one.render(lang) for one in problems]} if problems else {})
        click.echo(json.dumps(shown, ensure_ascii=False, indent=1))
    else:
        if outcomes:
            click.echo(as_text(outcomes, lang))
        elif not problems:
            click.echo(say("casetest.empty", lang, paths=", ".join(map(str, paths))))
        for one in problems:
            click.echo(one.render(lang), err=True)
    raise SystemExit(2 if problems else int(any(not outcome.ok for outcome in outcomes)))


def _unique(problems: Sequence[Problem]) -> list[Problem]:
    return list({(one.file, one.line, one.path, one.key): one for one in problems}.values())


def _files(paths: Sequence[Path], problems: list[Problem]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(one for one in path.rglob("*") if one.suffix in _SUFFIXES)
        elif path.is_file():
            files.append(path)
        else:
            problems.append(Problem(str(path), "", "casetest.file", {}))
    return list(dict.fromkeys(files))


def _near(file: Path) -> Path | None:
    """`config/rules/gas.yaml` -> `config/profiles`."""
    places = [parent / "profiles" for parent in file.absolute().parents[:3]]
    return next((place for place in places if place.is_dir()), None)


def _words(folder: Path | None, problems: list[Problem]) -> Words:
    """What the rules may speak of, and the units in which the profiles were written."""
    from gateway.settings.profiles import load_profiles, vocabulary

    if folder is None:
        return {}, {}
    loaded, wrong = load_profiles(folder)
    problems += wrong
    merged, disagreements = vocabulary([one.profile for one in loaded.values()], {k: v.file for k, v in loaded.items()})
    problems += disagreements
    units: dict[str, dict[str, str]] = {}
    for one in loaded.values():
        units.setdefault(one.profile.kind, {}).update(one.declared)
    return merged, units


def _load(file: Path, words: Words, problems: list[Problem]) -> "Loaded | None":
    from rules.format import load_text

    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as flaw:
        problems.append(Problem(str(file), "", "casetest.unreadable", {"reason": str(flaw)}))
        return None
    loaded = load_text(text, str(file), words[0])
    problems += loaded.problems
    return loaded


def _run(file: Path, words: Words, problems: list[Problem]) -> "list[Outcome]":
    from rules.casetest import run_cases
    from rules.format import merge

    loaded = _load(file, words, problems)
    if loaded is None or loaded.problems:
        return []
    tests = loaded.tests if loaded.tests.own else replace(loaded.tests, units=words[1])
    within: Words = (tests.vocabulary, tests.units)
    used: list[Loaded] = [loaded]
    for name in tests.use:
        other = file.parent / name
        if not other.is_file():
            problems.append(Problem(str(file), "use", "casetest.use", {"path": name, "reason": "-"}))
            return []
        more = _load(other, within, problems)
        if more is None or more.problems:
            return []
        used.append(more)
    rules: Sequence[Rule]
    rules, wrong = merge(used)
    problems += wrong
    if wrong:
        return []
    outcomes, flaws = run_cases(tests, rules)
    problems += flaws
    return outcomes
