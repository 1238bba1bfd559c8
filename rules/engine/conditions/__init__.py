"""One evaluator per form of condition (RULES section 5)."""
