"""The import graph as a picture, made from the code: who stands above whom, and whether anything goes round in circles.

    python .ci/import_graph.py docs/imports.svg
    python .ci/import_graph.py --check docs/imports.svg     # exit status 1 when the picture is older than the code

Two panels: the packages of the product, and the folders of `rules/engine`. A box stands one floor above the highest one
it imports; an arrow that another path implies is left out. What imports itself over others is red.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import grimp

ROOTS = ("gateway", "protocols", "rules", "sinks")
WIDE, HIGH, GAP, FLOOR, MARGIN = 152, 26, 12, 62, 24
PER_ROW = 10
Graph = Mapping[str, frozenset[str]]
"""Part -> the parts it imports."""


@dataclass(frozen=True)
class Drawing:
    """`floors`: parts from the lowest floor up; `circles`: groups of parts that import each other."""

    floors: tuple[tuple[str, ...], ...]
    circles: tuple[frozenset[str], ...]


def parts_of(modules: grimp.ImportGraph) -> Graph:
    """The product, each folder or file below a root package one part."""
    return _squashed(modules, lambda name: ".".join(name.split(".")[:2]) if "." in name else "")


def engine_of(modules: grimp.ImportGraph) -> Graph:
    """`rules.engine`, each folder or file of it one part."""
    inside = "rules.engine."
    return _squashed(modules, lambda name: ".".join(name.split(".")[:3]) if name.startswith(inside) else "")


def _squashed(modules: grimp.ImportGraph, part: Callable[[str], str]) -> Graph:
    found: dict[str, set[str]] = {}
    for module in sorted(modules.modules):
        if mine := part(module):
            found.setdefault(mine, set()).update(
                other
                for one in modules.find_modules_directly_imported_by(module)
                if (other := part(one)) and other != mine
            )
    return {name: frozenset(others) for name, others in found.items()}


def drawing(graph: Graph) -> Drawing:
    """Floors by the longest way down; parts of one circle stand on one floor."""
    groups = list(_circles(graph))
    home = {part: n for n, group in enumerate(groups) for part in group}
    height: dict[int, int] = {}

    def floor(n: int) -> int:
        if n not in height:
            below = {home[other] for part in groups[n] for other in graph[part]} - {n}
            height[n] = 1 + max((floor(other) for other in below), default=-1)
        return height[n]

    floors: dict[int, list[str]] = {}
    for part in sorted(graph):
        floors.setdefault(floor(home[part]), []).append(part)
    return Drawing(
        tuple(tuple(floors[n]) for n in sorted(floors)), tuple(frozenset(group) for group in groups if len(group) > 1)
    )


def _circles(graph: Graph) -> Iterator[list[str]]:
    """Strongly connected parts (Tarjan), a part alone among them."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    out: list[list[str]] = []

    def visit(part: str) -> None:
        index[part] = low[part] = len(index)
        stack.append(part)
        for other in sorted(graph[part]):
            if other not in index:
                visit(other)
                low[part] = min(low[part], low[other])
            elif other in stack:
                low[part] = min(low[part], index[other])
        if low[part] == index[part]:
            at = stack.index(part)
            out.append(sorted(stack[at:]))
            del stack[at:]

    for part in sorted(graph):
        if part not in index:
            visit(part)
    return iter(out)


def _needed(graph: Graph) -> Iterator[tuple[str, str]]:
    """Arrows that no longer path implies."""
    reach: dict[str, frozenset[str]] = {}

    def all_below(part: str, above: frozenset[str] = frozenset()) -> frozenset[str]:
        if part not in reach:
            found = set(graph[part])
            for other in graph[part] - above - {part}:
                found |= all_below(other, above | {part})
            reach[part] = frozenset(found)
        return reach[part]

    for part, others in sorted(graph.items()):
        for other in sorted(others):
            if not any(other in all_below(between) for between in others - {other}):
                yield part, other


def _panel(graph: Graph, title: str, top: int, cut: str) -> tuple[list[str], int, int]:
    """Lines of SVG, the width, and where the panel ends."""
    shown = drawing(graph)
    red = frozenset().union(*shown.circles) if shown.circles else frozenset()
    rows = [row[n : n + PER_ROW] for row in reversed(shown.floors) for n in range(0, len(row), PER_ROW)]
    widest = max(len(row) for row in rows) * (WIDE + GAP) - GAP + 2 * MARGIN
    at: dict[str, tuple[float, float]] = {}
    for n, row in enumerate(rows):
        left = (widest - len(row) * (WIDE + GAP) + GAP) / 2
        for k, part in enumerate(row):
            at[part] = left + k * (WIDE + GAP), top + 40 + n * FLOOR
    circles = f"{len(shown.circles)} circles" if shown.circles else "no circle"
    lines = [f'<text class="head" x="{MARGIN}" y="{top + 18}">{title}: {len(shown.floors)} floors, {circles}</text>']
    for part, other in _needed(graph):
        (x, y), (u, v) = at[part], at[other]
        kind = "round" if part in red and other in red else "way"
        lines.append(f'<path class="{kind}" d="M{x + WIDE / 2:g} {y + HIGH:g} L{u + WIDE / 2:g} {v:g}"/>')
    for part, (x, y) in at.items():
        kind = "round" if part in red else part.split(".")[0]
        lines += [
            f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{WIDE}" height="{HIGH}" rx="4"/>',
            f'<text x="{x + WIDE / 2:g}" y="{y + 17:g}">{part.removeprefix(cut)}</text>',
        ]
    return lines, int(widest), top + 40 + len(rows) * FLOOR


def svg(modules: grimp.ImportGraph) -> str:
    """The whole picture."""
    first, wide, end = _panel(parts_of(modules), "Packages", 0, "")
    second, wide2, end = _panel(engine_of(modules), "rules/engine", end + 10, "rules.engine.")
    style = (
        "text{font:11px 'DejaVu Sans',Arial,sans-serif;text-anchor:middle;fill:#17293c}"
        ".head{font-size:14px;font-weight:bold;text-anchor:start}rect{stroke:#33506f;fill:#fff}"
        ".rules{fill:#eaf4e6}.protocols{fill:#fdf1dc}.sinks{fill:#f5e6f4}.gateway{fill:#e3effb}.simulators{fill:#eee}"
        ".way{stroke:#9aa5b4;fill:none}.round{stroke:#c22;fill:none}rect.round{fill:#fde3e3}"
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {max(wide, wide2)} {end}">',
            "<title>Who imports whom, made from the code by `make house`</title>",
            f"<style>{style}</style>",
            *first,
            *second,
            "</svg>",
            "",
        ]
    )


def main(args: list[str]) -> int:
    """Write the picture, or compare it."""
    path = Path(args[-1])
    made = svg(grimp.build_graph(*ROOTS, cache_dir=None))
    if args[0] == "--check":
        if path.read_text("utf-8") != made:
            sys.stderr.write(f"{path} is older than the code: make house\n")
            return 1
        return 0
    path.write_text(made, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
