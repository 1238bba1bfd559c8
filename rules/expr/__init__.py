"""The expression language of rules (RULES section 3): text -> checked, typed, two back ends. Pure."""
