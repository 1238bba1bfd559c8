"""docs/work-order-features.md: every capability has a named test that exists, or says what is missing."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "work-order-features.md").read_text("utf-8")
STUDY = ROOT.parent / "shared" / "reference" / "workorders.md"
REFERENCE = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
ROWS = [line.split("|")[1:3] for line in PAGE.splitlines() if line.startswith("| ") and "capability" not in line]


@pytest.mark.parametrize(("file", "name"), sorted(set(REFERENCE.findall(PAGE))))
def test_a_named_test_exists(file: str, name: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    assert re.search(rf"^\s*(async )?(def|class) {name}\b", text, re.MULTILINE), f"{file} has no {name}"


def test_every_capability_is_proven_or_says_what_is_missing() -> None:
    assert len(ROWS) > 50
    for capability, proof in ROWS:
        assert REFERENCE.search(proof) or "Missing: " in proof, capability
        assert "`tests/" not in REFERENCE.sub("", proof), f"{capability}: name the test, not the file"


@pytest.mark.skipif(not STUDY.is_file(), reason="the study is not here")
def test_no_capability_of_the_study_is_left_out() -> None:
    text = STUDY.read_text("utf-8")
    section = text[text.index("## 4. Capabilities") : text.index("### 4.5")]
    lines = [line for line in section.splitlines() if line.startswith("|") and not line.startswith(("| Cap", "|---"))]
    assert [line.split("|")[1].strip() for line in lines] == [capability.strip() for capability, _ in ROWS]
