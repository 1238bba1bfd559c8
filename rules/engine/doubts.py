"""Devices and groups about which a rule has to decide again, and since when."""

Subject = int | tuple[str, str]
"""A device, or a group of one rule: (rule id, group)."""


class Doubts:
    """What came up while one record was judged: subject -> rule id -> µs since when."""

    def __init__(self) -> None:
        self._found: dict[Subject, dict[str, int]] = {}

    def add(self, subject: Subject, rule: str, since: int) -> None:
        """Decisions of the rule at or after `since` µs are in doubt."""
        rules = self._found.setdefault(subject, {})
        rules[rule] = min(since, rules.get(rule, since))

    def drain(self) -> dict[Subject, dict[str, int]]:
        """All since the last call."""
        found, self._found = self._found, {}
        return found
