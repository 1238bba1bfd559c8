"""Devices and groups about which a rule has to decide again, and since when."""

Subject = int | tuple[str, str]
"""A device, or a group of one rule: (rule id, group)."""
MOST_BESIDE = 64
"""Devices of a group up to which a late reading of one has the others judged again, too."""


class Reevaluations:
    """What came up while one record was judged: subject -> rule id -> µs since when."""

    def __init__(self) -> None:
        self._found: dict[Subject, dict[str, int]] = {}
        self._later: list[tuple[Subject, str, int, int]] = []
        self._soon: dict[Subject, dict[str, int]] = {}

    def add(self, subject: Subject, rule: str, since: int) -> None:
        """Decisions of the rule at or after `since` µs are judged again."""
        rules = self._found.setdefault(subject, {})
        rules[rule] = min(since, rules.get(rule, since))

    def add_later(self, subject: Subject, rule: str, since: int, until: int) -> None:
        """The same, and what it takes to decide again is known at `until` µs."""
        self._later.append((subject, rule, since, until))

    def add_soon(self, device: int, rule: str, since: int) -> None:
        """The same of a device alone, whomever it is compared with, and not more often than once a minute."""
        rules = self._soon.setdefault(device, {})
        rules[rule] = min(since, rules.get(rule, since))

    def drain_soon(self) -> dict[Subject, dict[str, int]]:
        """All of these since the last call."""
        found, self._soon = self._soon, {}
        return found

    def drain_later(self) -> list[tuple[Subject, str, int, int]]:
        """All of these since the last call: (subject, rule, since, until)."""
        found, self._later = self._later, []
        return found

    def drain(self) -> dict[Subject, dict[str, int]]:
        """All since the last call."""
        found, self._found = self._found, {}
        return found
