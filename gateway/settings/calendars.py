"""Calendar of workdays and holidays of an installation: its own file, or one of the program's."""

from pathlib import Path

from gateway.domain.errors import Problem
from gateway.domain.nearest import nearest
from gateway.domain.workdays import NO_CALENDAR, WorkCalendar
from gateway.settings.code_tables_and_fences import read_text
from rules.format import work_calendar

ROOT = Path(__file__).parents[2]
SHIPPED = next(
    (one for one in (ROOT / "gateway" / "_builtin" / "calendars", ROOT / "config" / "calendars") if one.is_dir()), ROOT
)
CHINA = frozenset({"Asia/Shanghai", "Asia/Chongqing", "Asia/Chungking", "Asia/Harbin", "Asia/Urumqi", "PRC"})
NONE = "none"


def calendar_name(written: object, zone: str) -> str:
    """Name of the calendar: as written, else `cn` in the zones of mainland China, else none."""
    if isinstance(written, str) and written:
        return written
    return "cn" if zone in CHINA else NONE


def calendar_file(folder: Path, name: str) -> Path:
    """`cn.yaml` in the folder `calendars` of the installation, else the one of the program."""
    own = folder / f"{name}.yaml"
    return own if own.is_file() else SHIPPED / f"{name}.yaml"


def load_calendar(folder: Path, name: str, file: str, problems: list[Problem]) -> WorkCalendar:
    """Load the calendar `name` that `file` names; its problems are added to `problems`."""
    if name == NONE:
        return NO_CALENDAR
    path = calendar_file(folder, name)
    if not path.is_file():
        known = sorted({one.stem for place in (folder, SHIPPED) for one in place.glob("*.yaml")} | {NONE})
        fields = {"value": name, "known": ", ".join(known), "write": nearest(name, known) or NONE, "folder": folder}
        problems.append(Problem(file, "calendar", "config.calendar", fields))
        return NO_CALENDAR
    if (text := read_text(path, problems)) is None:
        return NO_CALENDAR
    found, wrong = work_calendar(text, str(path), name)
    problems += wrong
    return found or NO_CALENDAR
