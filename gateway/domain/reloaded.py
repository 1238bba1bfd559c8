"""Result of reading the configuration files again."""

from dataclasses import dataclass

from gateway.domain.errors import Problem


@dataclass(frozen=True, slots=True)
class Reloaded:
    """Result of the newest reload: the number of changes, or the problems that prevented it. `at_start`: keys that
    differ from the file and take effect at the next start."""

    at: int
    actor: str
    changed: int = 0
    problems: tuple[Problem, ...] = ()
    at_start: tuple[str, ...] = ()
