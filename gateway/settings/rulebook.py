"""The rule files of a folder, read together: a rule id is unique over all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.domain.device import PointSpec
from gateway.domain.errors import Problem
from gateway.settings.document import Document, Place, parse_document
from rules.compiled import Rule
from rules.format import Loaded, TestFile, load_text, merge

_TEST_KEYS = frozenset({"use", "profiles", "sites", "test"})


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One file, and where its rules stand in it."""

    path: Path
    document: Document = field(compare=False, repr=False)

    @property
    def is_test(self) -> bool:
        """A stand-alone test file."""
        tree = self.document.value
        return isinstance(tree, dict) and not _TEST_KEYS.isdisjoint(tree)

    def place(self, rule: str, *below: str) -> Place:
        """Where a key of a rule stands."""
        tree = self.document.value
        entries = tree.get("rules") if isinstance(tree, dict) else None
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict) and entry.get("id") == rule:
                return ("rules", index, *below)
        return ("rules",)


@dataclass(slots=True)
class Rulebook:
    """Rules by id with the file each stands in; `tests` are the cases of every file."""

    rules: dict[str, Rule] = field(default_factory=dict)
    files: dict[str, RuleFile] = field(default_factory=dict)
    tests: list[TestFile] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def load_rulebook(folder: Path, words: Mapping[str, Mapping[str, PointSpec]]) -> Rulebook:
    """Every `*.yaml` of the folder, not of folders below it. `words`: kind of device -> its points."""
    book = Rulebook()
    if not folder.is_dir():
        book.problems.append(Problem(str(folder), "", "config.folder.missing", {"value": str(folder)}))
        return book
    live: list[Loaded] = []
    for path in sorted(p for p in folder.iterdir() if p.suffix in {".yaml", ".yml"}):
        text = _text(path, book)
        if text is None:
            continue
        loaded = load_text(text, str(path), words)
        book.tests.append(loaded.tests)
        file = RuleFile(path, parse_document(text, str(path)))
        if file.is_test:  # its rules are examples, not to be run
            book.problems += loaded.problems
            continue
        live.append(loaded)
        for rule in loaded.rules:
            book.rules.setdefault(rule.id, rule)
            book.files.setdefault(rule.id, file)
    book.problems += merge(live)[1]
    return book


def _text(path: Path, book: Rulebook) -> str | None:
    try:
        blob = path.read_bytes()
        return blob.decode("utf-8-sig")
    except OSError as error:
        fields = {"value": str(path), "reason": error.strerror or type(error).__name__}
        book.problems.append(Problem(str(path), "", "config.file.unreadable", fields))
    except UnicodeDecodeError as error:
        line = blob.count(b"\n", 0, error.start) + 1
        book.problems.append(Problem(str(path), "", "config.file.not_utf8", {}, line))
    return None
