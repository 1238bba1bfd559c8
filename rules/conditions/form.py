"""What a form of condition is made of: one description, from YAML to the words of a sentence."""

from dataclasses import dataclass
from typing import Any

from rules.compiled import Condition
from rules.engine.conditions.factory import EVALUATORS, MakeEvaluator
from rules.format.forms import YAML_FORMS, YamlForm
from rules.handbook.condition_words import HANDBOOK_WORDS, HandbookWords
from rules.lint.forms import FORM_LINTS, FormLint
from rules.sentence.condition_phrases import SENTENCE_WORDS, SentenceWords


@dataclass(frozen=True, slots=True)
class ConditionForm:
    """`compiled`: what it reads, its look-back and its timers (`rules/compiled/conditions`). `yaml`: the keys it is
    written under. `evaluator`: the class that carries out a rule, or what chooses it. `handbook`, `sentence`: its
    words, by key. `lint`: its own checks.
    """

    compiled: type[Condition]
    yaml: tuple[YamlForm, ...]
    evaluator: MakeEvaluator
    handbook: dict[str, HandbookWords]
    sentence: dict[str, SentenceWords]
    lint: FormLint[Any]


def register(form: ConditionForm) -> None:
    """From now on rules may have this form. Each layer finds its part in a table of its own."""
    YAML_FORMS.update((one.key, one) for one in form.yaml)
    EVALUATORS[form.compiled] = form.evaluator
    HANDBOOK_WORDS.update(form.handbook)
    SENTENCE_WORDS.update(form.sentence)
    FORM_LINTS[form.compiled] = form.lint
