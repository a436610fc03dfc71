"""`make bench`: measure everything, or what is named; exit status 1 when a bar is missed.

.venv/bin/python -m benchmarks                 everything
.venv/bin/python -m benchmarks own_time sides  only these
"""

import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
sys.path[:0] = [str(PROJECT / folder) for folder in ("", "functions", "layers/hookline", "local")]

from benchmarks import archiver, calls_api, local_stack, own_time, sides  # noqa: E402 - they find Hookline on that path
from benchmarks.bars import BARS  # noqa: E402

MEASUREMENTS = {
    "own_time": own_time,
    "sides": sides,
    "archiver": archiver,
    "local_stack": local_stack,
    "calls_api": calls_api,
}


def main(names: list[str]) -> int:
    """Measure, show, judge."""
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        print(f"{unknown[0]}: not one of {', '.join(MEASUREMENTS)}", file=sys.stderr)
        return 2
    figures: dict[str, float] = {}
    for name in names or MEASUREMENTS:
        print(f"\n{name}", flush=True)
        figures |= MEASUREMENTS[name].measure()
    print(f"\n{'name':50} {'bar':>10} {'measured':>10}")
    for key, measured in figures.items():
        bar = BARS[key]
        limit = f"{'<=' if bar.most else '>='} {bar.limit:g}"
        verdict = "ok" if bar.holds(measured) else "MISSED"
        print(f"{bar.name:50} {limit:>10} {measured:10.3f}  {bar.unit:20} {verdict}")
    return 0 if all(BARS[key].holds(measured) for key, measured in figures.items()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
