"""The forms of a condition, in the order in which texts name them: to add one, list it here.

A form is three files of one name: here its keys in YAML, its words and its checks; in `rules/compiled/conditions` what
it means, reads and waits for; in `rules/engine/conditions` its state and its evaluation.
"""

from rules.conditions import counter_multiple, due_date, m_of_n, sequence, silence, streak, threshold
from rules.conditions.form import ConditionForm, register

FORMS: tuple[ConditionForm, ...] = (
    threshold.FORM, silence.FORM, streak.FORM, m_of_n.FORM, due_date.FORM, counter_multiple.FORM, sequence.FORM,
)  # fmt: skip

for _form in FORMS:
    register(_form)
