"""docs/sentences.md is made from docs/sentences.yaml, whose rules are tried by tests of their own.

When the file changed: `python tests/docs/test_docs_sentences.py` writes the page.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.settings.calendars import load_calendar
from rules.casetest import as_text, run_cases
from rules.compiled import Names
from rules.format import load_text

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "sentences.yaml").read_text("utf-8")
LOADED = load_text(TEXT, "sentences.yaml", Names({}, calendar=load_calendar(Path(), "cn", "", [])))
HEAD = """# 一句话，一条规则 · A sentence, a rule

平时怎么说，规则就怎么写。每条规则都来自 [sentences.yaml](sentences.yaml)，文件里有测点和用例，可以照抄改名后直接用：
`fieldgate rules test docs/sentences.yaml`。每个词的含义见 [rules.md](rules.md)。

What people say, and the rule it becomes. All of them stand in [sentences.yaml](sentences.yaml) with the points they
speak of and their tests; copy one, put in your own points, and run `fieldgate rules test`. What each word means:
[rules.md](rules.md).
"""
RULE = re.compile(r"^- id: (?P<id>\S+)\n(?:  title: .*\n)(?P<body>(?:  .*\n)+)", re.MULTILINE)


def page() -> str:
    """The page as it has to be."""
    return "\n".join([HEAD, *_sections()])


def _sections() -> Iterator[str]:
    written = {match["id"]: match["body"] for match in RULE.finditer(TEXT.partition("\nrules:\n")[2])}
    for number, rule in enumerate(LOADED.rules, 1):
        block = f"- id: {rule.id}\n{written[rule.id]}"
        yield f"## {number}. {rule.title['zh']}\n\n{rule.title['en']}\n\n```yaml\n{block}```\n"


def test_the_page_is_made_from_the_file() -> None:
    assert not LOADED.problems, [one.render() for one in LOADED.problems]
    assert (DOCS / "sentences.md").read_text("utf-8") == page()


def test_twenty_sentences_in_two_languages() -> None:
    titles = [rule.title for rule in LOADED.rules]
    assert len({one["zh"] for one in titles}) == len({one["en"] for one in titles}) == len(titles) >= 20
    assert all(one["zh"] != one["en"] and not re.search("[,;:]", one["zh"]) for one in titles)


@pytest.mark.parametrize("rule", LOADED.rules, ids=lambda rule: rule.id)
def test_a_sentence_does_what_it_says(rule: object) -> None:
    mine = [case for case in LOADED.tests.cases if case.rule == getattr(rule, "id", "")]
    assert any(case.data["expect"] for case in mine), "nothing raises it"


def test_all_cases_pass() -> None:
    outcomes, problems = run_cases(LOADED.tests, LOADED.rules)
    assert not problems, [one.render() for one in problems]
    assert all(one.ok for one in outcomes), as_text(outcomes, "en")


if __name__ == "__main__":
    (DOCS / "sentences.md").write_text(page(), "utf-8")
