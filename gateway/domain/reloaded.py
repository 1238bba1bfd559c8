"""What came of a look at the files of the configuration."""

from dataclasses import dataclass

from gateway.domain.errors import Problem


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What came of the newest look at the files: how much changed, or the problems that kept everything as it was.
    `at_start`: keys that differ from the file and take effect at the next start."""

    at: int
    actor: str
    changed: int = 0
    problems: tuple[Problem, ...] = ()
    at_start: tuple[str, ...] = ()
