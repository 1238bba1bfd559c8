"""Tables for look-ups in rules: code tables (`codes/<name>.yaml`) and fences (`fences.yaml`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.domain.code_table import CodeTable
from gateway.domain.error_reasons import reason
from gateway.domain.errors import Problem
from gateway.domain.fence import Fence
from gateway.settings.read_file import UnreadableFile, read_file
from gateway.settings.yaml_document import MAX_BYTES
from rules.format import code_table, fence_file

SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(slots=True)
class LookupFiles:
    """Tables by name, with the file of each; tables with problems are left out."""

    codes: dict[str, CodeTable] = field(default_factory=dict)
    fences: Mapping[str, Fence] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def load_lookups(codes: Path, fences: Path) -> LookupFiles:
    """Load the tables. Folder and file are optional."""
    found = LookupFiles()
    for path in sorted(p for p in codes.iterdir() if p.suffix in SUFFIXES) if codes.is_dir() else ():
        if (text := read_text(path, found.problems)) is None:
            continue
        table, problems = code_table(text, str(path), path.stem)
        found.problems += problems
        if table is not None:
            found.codes[path.stem], found.files[path.stem] = table, path
    if fences.exists() and (text := read_text(fences, found.problems)) is not None:
        found.fences, problems = fence_file(text, str(fences))
        found.problems += problems
    return found


def read_text(path: Path, problems: list[Problem]) -> str | None:
    """The text of a file; None after its problem was noted."""
    try:
        blob = read_file(path, MAX_BYTES)
        return blob.decode("utf-8-sig")
    except OSError as error:
        fields = {"value": str(path), "reason": reason(error)}
        problems.append(Problem(str(path), "", "config.file.unreadable", fields))
    except UnreadableFile as unfit:
        problems.append(Problem(str(path), "", unfit.key, unfit.fields))
    except UnicodeDecodeError as error:
        line = blob.count(b"\n", 0, error.start) + 1
        problems.append(Problem(str(path), "", "config.file.not_utf8", {}, line))
    return None
