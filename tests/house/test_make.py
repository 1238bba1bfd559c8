"""`make` and the development container: what they promise is there."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def test_make_alone_lists_the_targets() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = set(re.findall(r"^  make ([a-z-]+) +\S", shown, re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert listed == set(phony.split()) - {"help"}
    assert listed == set(re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE)) - {"help"}


def test_the_development_container_has_what_the_tests_need() -> None:
    about = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    lines = (ROOT / ".devcontainer" / about["build"]["dockerfile"]).read_text("utf-8")
    (wanted,) = re.findall(r"^ *apt-get install (.*)$", (ROOT / ".ci" / "run").read_text("utf-8"), re.MULTILINE)
    assert set(wanted.split()) <= set(re.sub(r"[&\\]", " ", lines).split()) | {"-qq"}
    targets = about["postCreateCommand"].removeprefix("make ").replace(".venv", "$(VENV)").split()
    assert "install" in targets
    assert [target for target in targets if f"\n{target}:" not in MAKEFILE] == []


def test_the_picture_of_the_imports_is_that_of_the_code() -> None:
    """And nothing in it goes round in circles: the picture counts floors and circles."""
    picture = "docs/imports.svg"
    done = subprocess.run(
        [sys.executable, ".ci/import_graph.py", "--check", picture], cwd=ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (ROOT / picture).read_text("utf-8").count("no circle") == 2
