"""What goes together in one rule, and the names that are added to its alarm key."""

from rules.compiled import TextOf, Watch
from rules.format.build import Build
from rules.format.fields import Fields
from rules.format.forms import YAML_FORMS, YamlForm
from rules.format.tree import Items, Scalar, YamlMapping, show


def together(fields: Fields, form: YamlForm | None, watch: Watch | None) -> None:
    """Keys that do nothing, or nothing sensible, beside what else the rule says."""
    group = watch is not None and watch.group
    if form and group and not form.grouped:
        known = ", ".join(key for key, one in YAML_FORMS.items() if one.grouped)
        fields.wrong(form.key, "rules.watch.group_form", form=form.key, known=known)
    if fields.has("identity") and ((form and not form.identified) or group):
        fields.wrong("identity", "rules.identity.form", form=form.key if form and not form.identified else "group")
    then = fields.get("then")
    if fields.has("cooldown") and not (isinstance(then, YamlMapping) and "order" in then.entries):
        fields.wrong("cooldown", "rules.then.cooldown", write="then: {order: {type: repair}}")


def identity(fields: Fields, build: Build) -> tuple[TextOf, ...]:
    """`identity: [code.name]`: texts from tables, never a measured value."""
    tree = fields.get("identity")
    if tree is None:
        return ()
    items = tree.items if isinstance(tree, Items) else (tree,)
    out: list[TextOf] = []
    for item in items:
        line = item.line or fields.line("identity")
        if not isinstance(item, Scalar) or not isinstance(item.value, str) or not item.value.strip():
            fields.notes.add(line, fields.at("identity"), "rules.value.names", value=show(item))
            continue
        found = build.text(item.value.strip(), fields.at("identity"), line)
        if found is not None and found in out:
            fields.notes.add(line, fields.at("identity"), "rules.value.twice", value=item.value)
        elif found is not None:
            out.append(found)
    if not items:
        fields.wrong("identity", "rules.value.names", value="[]")
    return tuple(out)
