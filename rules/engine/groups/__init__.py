"""Rules on groups (`watch: {group: site}`): the members answer, the group is judged."""

from rules.engine.groups.groups import Groups, group_runners
from rules.engine.groups.members import Members

__all__ = ["Groups", "Members", "group_runners"]
