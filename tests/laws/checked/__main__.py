"""The quality of `check_view`, measured: how many of the faults it finds, how fast, and with how many changes.

`python -m tests.laws.checked [--seconds 60] [--part 1/3] [NAME...]` prints a line per fault, then the table of
`docs/testing.md`. Seconds are those of a processor.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tests.laws.checked.suite import BROKEN, Found, find

PARTS = {"operators": "operators", "engine": "the local engine", "sinks": "sinks", "view": "views"}


def main() -> None:
    """Looks for all faults, or those whose names hold a text."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only faults whose names hold one of these texts")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each fault")
    parser.add_argument("--part", default="1/1", help="every third of them, from the first on: 1/3")
    options = parser.parse_args()
    part, parts = map(int, options.part.split("/"))
    wanted = [b for b in BROKEN if not options.names or any(n in b.name for n in options.names)][part - 1 :: parts]
    results: list[Found] = []
    for broken in wanted:
        try:
            found = find(broken, options.seconds)
        except (AssertionError, AttributeError, KeyError) as error:
            print(f"GONE     {broken.part:9} {broken.name}: {error!r:.90}", flush=True)
            continue
        results.append(found)
        print(found.line(), flush=True)
    print(table(results))


def table(results: Sequence[Found]) -> str:
    """The results by part, as Markdown."""
    lines = [
        "",
        "| broken | faults | found | of 6 changes or fewer | median seconds | longest |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for part, title in {**PARTS, "": "**all**"}.items():
        mine = [r for r in results if not part or r.broken.part == part]
        if not mine:
            continue
        found = sorted((r for r in mine if r.complaint), key=lambda r: r.seconds)
        short = sum(r.changes <= 6 for r in found)
        median, longest = (found[len(found) // 2].seconds, found[-1].seconds) if found else (0.0, 0.0)
        lines.append(f"| {title} | {len(mine)} | {len(found)} | {short} | {median:.1f} | {longest:.1f} |")
    missed = [r.broken.name for r in results if not r.complaint]
    return "\n".join([*lines, "", f"missed: {', '.join(missed) or 'none'}"])


if __name__ == "__main__":
    main()
