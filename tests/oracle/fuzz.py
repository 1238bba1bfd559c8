"""`make fuzz-rules CASES=200000 [SEED=1]`: random cases against the reference on all cores, then one line of JSON.

Options: --cases, --seed, --kinds (a part of their names), --out (a folder for shrunk case files), --jobs. Exit status
1 when anything differs.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import Pool
from pathlib import Path

from oracle.check import check
from oracle.compare import MOVED
from oracle.generate.scenes import DEVICES, EXCLUDED, KINDS, generate
from oracle.shrink import case_file, shrink

KEPT = 5
"""Of each kind so many mismatches are shrunk and written; the others are counted."""


@dataclass
class Found:
    """What came of some scenes. `bad`: (kind, what, seed, device); `moved`: see `compare.covered`."""

    cases: Counter[str] = field(default_factory=Counter)
    bad: list[tuple[str, str, int, int]] = field(default_factory=list)
    moved: Counter[str] = field(default_factory=Counter)


def work(job: tuple[str, int, int]) -> Found:
    """The scenes of a kind with these seeds. A crash is a mismatch too."""
    kind, first, last = job
    found = Found()
    for seed in range(first, last):
        scene = generate(kind, seed)
        found.cases[kind] += scene.cases
        try:
            for one in check(scene, moved=True):
                if one.what == MOVED:
                    found.moved[kind] += 1
                else:
                    found.bad.append((kind, one.what, seed, one.device))
        except Exception as flaw:
            found.bad.append((kind, f"{type(flaw).__name__}: {str(flaw)[:200]}", seed, -1))
    return found


def jobs(cases: int, seed: int, kinds: list[str], size: int = 4) -> Iterator[tuple[str, int, int]]:
    """All kinds in turn, so that an early end has seen each."""
    rounds = -(-cases // (len(kinds) * DEVICES * size))
    for k in range(rounds):
        for kind in kinds:
            yield kind, seed + k * size, seed + (k + 1) * size


def write(folder: Path, kind: str, what: str, seed: int) -> str:
    """The shrunk case as a file; where it is."""
    name = f"{kind.replace('/', '-')}-{seed}.yaml"
    small = shrink(generate(kind, seed))
    folder.mkdir(parents=True, exist_ok=True)
    text = f"# {what}; seed {seed} of {kind}\n{case_file(small, f'{kind} seed {seed}')}"
    (folder / name).write_text(text, "utf-8")
    return str(folder / name)


def main() -> int:
    """Run."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cases", type=int, default=200_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--kinds", default="")
    options.add_argument("--out", type=Path, default=Path("var/oracle"))
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = options.parse_args()
    kinds = [kind for kind in KINDS if given.kinds in kind]
    begun = shown = time.monotonic()
    moved, total, bad = Counter[str](), Counter[str](), list[tuple[str, str, int, int]]()
    with Pool(given.jobs) as pool:
        for found in pool.imap_unordered(work, jobs(given.cases, given.seed, kinds)):
            total += found.cases
            bad += found.bad
            for kind, what, seed, device in found.bad:
                print(f"differs: {kind} seed {seed} device {device}: {what}", file=sys.stderr)
            moved += found.moved
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                rate = total.total() / (shown - begun)
                print(f"{total.total()} of {given.cases} cases, {len(bad)} mismatches, {rate:.0f}/s", file=sys.stderr)
        seconds = time.monotonic() - begun
        by_kind = Counter(kind for kind, *_ in bad)
        kept: Counter[str] = Counter()
        chosen = []
        for kind, what, seed, _ in bad:
            kept[kind] += 1
            if kept[kind] <= KEPT:
                chosen.append((given.out, kind, what, seed))
        files = pool.starmap(write, list(dict.fromkeys(chosen)))
    report = {
        "cases": total.total(),
        "seconds": round(seconds, 1),
        "mismatches": len(bad),
        "by_kind": dict(by_kind),
        "moved": dict(moved),
        "seed": given.seed,
        "excluded": dict(EXCLUDED),
        "files": files,
    }
    print(json.dumps(report, ensure_ascii=False))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
