"""C8, C11: one style of punctuation and one word for one idea in every Chinese text and page."""

import re
from functools import cache
from pathlib import Path

import pytest

from gateway.desk.event_schemas import EVENTS
from gateway.domain.text import catalogue

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs/glossary.md"
PAGES = sorted(ROOT.glob("docs/**/*.zh.md"))
HAN = r"[\u3400-\u9fff]"
CODE = re.compile(r"```.*?```|`[^`\n]*`|\{\{.*?\}\}+|https?://\S+|\[[^\]]*\]\([^)]*\)", re.DOTALL)
WRONG = (
    (re.compile(rf"{HAN} *[,;:?!()]|[,;:?!()] *{HAN}"), "half-width punctuation beside Chinese"),
    (re.compile(r"\}[,;:](?!\{(?:port|line)\}) ?\{"), "half-width punctuation between two fields"),
    (re.compile(r"\.\.\."), "write ……"),
    (re.compile(rf"{HAN}[A-Za-z0-9]|[A-Za-z0-9%]{HAN}"), "a space stands between Chinese and Latin or digits"),
    (re.compile(r" [，；：（）、。]|[，；：（、。] "), "no space beside full-width punctuation"),
    (re.compile(r"->"), "write →"),
)


def faults(text: str) -> list[str]:
    """What is wrong with the punctuation of one Chinese text; code in backticks and braces is left out."""
    plain = CODE.sub("§", text)
    return [f"{why}: {found.group()!r}" for wrong, why in WRONG for found in [wrong.search(plain)] if found]


@cache
def forbidden() -> tuple[tuple[str, str, list[str]], ...]:
    """(word that is not used, the one that is, where it may stand all the same), from the glossary."""
    found = []
    for line in GLOSSARY.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 4 and cells[0] != "English":
            for word, but in re.findall(rf"({HAN}+)(?:（([^）]*?) 可用）)?", cells[2]):
                found.append((word, cells[1], [one for one in but.split("、") if one]))
    return tuple(found)


def misnamed(text: str) -> list[str]:
    """Words of `text` that the glossary does not use."""
    found = []
    for word, right, but in forbidden():
        rest = text
        for one in but:
            rest = rest.replace(one, "")
        if word in rest:
            found.append(f"{word} -> {right}")
    return found


def test_punctuation_of_the_catalogue() -> None:
    wrong = {key: found for key, (_, zh) in catalogue().items() if re.search(HAN, zh) and (found := faults(zh))}
    assert not wrong


def test_no_full_width_in_english() -> None:
    wide = re.compile(r"[，；：（）。、？！]")
    shown = {"config.csv.wide_comma"}  # the character itself is what it is about
    assert not [key for key, (en, _) in catalogue().items() if wide.search(en) and key not in shown]


def test_words_of_the_catalogue() -> None:
    assert not {key: found for key, (_, zh) in catalogue().items() if (found := misnamed(zh))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages(page: Path) -> None:
    text = CODE.sub("§", page.read_text("utf-8"))
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if re.search(HAN, line)]
    found = {n: wrong for n, line in lines if (wrong := [*faults(line.strip("-|*# ")), *misnamed(line)])}
    assert not found


def test_the_glossary_is_read() -> None:
    """The table is what the tests go by: it must be found, and what it forbids must be caught."""
    words = {word: right for word, right, _ in forbidden()}
    assert words["站点"] == "场站"
    assert misnamed("该站点") == ["站点 -> 场站"]
    assert not misnamed("TLS 反向代理")
    assert faults("请写:值")
    assert faults("(例如)")
    assert not faults("请写 `a: 值`（例如 3.5 kW）")


FAMILIES = (
    ("word.level", ("notice", "minor", "major", "critical")),
    ("word.quality", ("good", "uncertain", "bad")),
    ("word.state", ("new", "assigned", "accepted")),
    ("word.state", ("in_progress", "on_hold")),
    ("word.state", ("resolved", "closed", "cancelled")),
    ("word.change", ("raised",)),
    ("word.change", ("cleared",)),
    ("word.change", ("withdrawn",)),
    ("word.change", ("merged",)),
)


@pytest.mark.parametrize(("family", "names"), FAMILIES, ids=lambda one: str(one))
def test_the_glossary_has_the_words_of_the_one_table(family: str, names: tuple[str, ...]) -> None:
    rows = [tuple(cell.strip() for cell in line.split("|")[1:3]) for line in GLOSSARY.read_text("utf-8").splitlines()]
    words = [catalogue()[f"{family}.{name}"] for name in names]
    assert (", ".join(english for english, _ in words), "、".join(chinese for _, chinese in words)) in rows


def test_words_of_levels_states_and_periods_stand_in_one_table_alone() -> None:
    """A second table of them drifts: `gateway/domain/texts/words.py` is the one."""
    families = ("word.level.", "word.state.", "word.quality.", "word.change.", "word.period.")
    words = {pair for key, pair in catalogue().items() if key.startswith(families)}
    others = {key for key, pair in catalogue().items() if pair in words and not key.startswith("word.")}
    assert others <= {"unit.name.h", "sentence.time.h", "sentence.time.week", "sentence.time.year", "sentence.unit.day"}


def test_every_event_has_its_word() -> None:
    said = {f"word.{'change' if area == 'alarm' else 'event'}.{name}" for area, _, name in map(_parts, EVENTS)}
    assert said - {"word.event.test"} <= set(catalogue())


def _parts(event: str) -> tuple[str, str, str]:
    return event.partition(".")
