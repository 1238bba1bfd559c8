"""The rule files of a folder, read together: a rule id is unique over all of them."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from gateway.domain.errors import Problem
from gateway.settings.code_tables_and_fences import read_text
from gateway.settings.yaml_document import Document, Place, parse_document
from rules.compiled import Names, Rule
from rules.format import Loaded, TestFile, load_text, merge, policy_source
from rules.format.yaml_tree import Notes, YamlMapping, read

_TEST_KEYS = frozenset({"use", "profiles", "sites", "customers", "test"})


_document = lru_cache(maxsize=8)(parse_document)


@dataclass(frozen=True, slots=True)
class RuleFile:
    """One file, and the places of its rules in it."""

    path: Path
    text: str = field(compare=False, repr=False)

    @property
    def document(self) -> Document:
        """The document, read again for the place of a problem."""
        return _document(self.text, str(self.path))

    @property
    def is_test(self) -> bool:
        """True for a stand-alone test file."""
        tree = read(self.text, Notes(str(self.path)))
        return isinstance(tree, YamlMapping) and not _TEST_KEYS.isdisjoint(tree.entries)

    def place(self, rule: str, *below: str) -> Place:
        """Place of a key of a rule."""
        tree = self.document.value
        entries = tree.get("rules") if isinstance(tree, dict) else None
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict) and entry.get("id") == rule:
                return ("rules", index, *below)
        return ("rules",)


@dataclass(slots=True)
class Rulebook:
    """Rules by id with the file of each; `tests` are the cases of every file; `policy` is the content of a PolicySet
    fact with the settings for all rules; `written` are the ids of all rules, valid or not."""

    rules: dict[str, Rule] = field(default_factory=dict)
    files: dict[str, RuleFile] = field(default_factory=dict)
    tests: list[TestFile] = field(default_factory=list)
    policy: bytes = b""
    written: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class RuleFiles:
    """Cache of the last read, by `names`: file -> its text and contents. Unchanged files are not parsed again."""

    names: Names | None = None
    read: dict[Path, tuple[str, Loaded, RuleFile]] = field(default_factory=dict)


def load_rulebook(folder: Path, names: Names, known: RuleFiles | None = None) -> Rulebook:
    """Read every `*.yaml` of the folder, without sub-folders. `known` is used and updated."""
    book = Rulebook()
    before = known.read if known is not None and known.names == names else {}
    now: dict[Path, tuple[str, Loaded, RuleFile]] = {}
    if not folder.is_dir():
        book.problems.append(Problem(str(folder), "", "config.folder.missing", {"value": str(folder)}))
        return book
    live: list[Loaded] = []
    for path in sorted(p for p in folder.iterdir() if p.suffix in {".yaml", ".yml"}):
        text = read_text(path, book.problems)
        if text is None:
            continue
        held = before.get(path)
        if held is None or held[0] != text:
            held = (text, load_text(text, str(path), names), RuleFile(path, text))
        now[path] = held
        _, loaded, file = held
        book.tests.append(loaded.tests)
        if file.is_test:  # its rules are examples, never installed
            book.problems += loaded.problems
            continue
        live.append(loaded)
        book.written |= {place.id for place in loaded.places}
        for rule in loaded.rules:
            book.rules.setdefault(rule.id, rule)
            book.files.setdefault(rule.id, file)
    book.problems += merge(live)[1]
    book.policy = policy_source(live)
    if known is not None:
        known.names, known.read = names, now
    return book
