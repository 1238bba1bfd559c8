"""The conditions, a folder each: adding one is its folder and its line in `rules/registered.py`.

`condition.py` is the compiled condition: what it reads, its look-back, its timers, which edits keep its state.
`language.py` has its keys in YAML and its words, `checks.py` the linter's, `evaluator.py` its state and its evaluation.
Thresholds (`when`, `levels`, `members`) have their compiled condition in `rules/compiled/threshold.py` and their
evaluator in `rules/engine/conditions`, because the engine evaluates all threshold rules together.
"""
