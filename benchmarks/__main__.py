"""`python -m benchmarks [AREA ...]`: measure, print both sides of every ratio, write benchmarks/results.json."""

import importlib
import sys

AREAS = {
    "gas": "benchmarks.gas",
    "core": "benchmarks.core",
    "durable": "benchmarks.durable",
    "capacity": "benchmarks.capacity",
    "websocket": "benchmarks.websocket",
    "grid": "benchmarks.powerflow",
    "phases": "benchmarks.unbalanced",
    "gate": "benchmarks.gate",
    "replay": "benchmarks.replay",
    "growth": "benchmarks.growth",
    "sweep": "benchmarks.sweep",
    "devnode": "benchmarks.devnode",
    "pages": "benchmarks.pages",
}


def main(wanted: list[str]) -> None:
    """Run the named areas, or all of them."""
    unknown = [area for area in wanted if area not in AREAS]
    if unknown:
        sys.exit(f"No such area: {', '.join(unknown)}. There are {', '.join(AREAS)}.")
    del sys.argv[1:]  # the areas' own parsers read it too
    for area in wanted or AREAS:
        importlib.import_module(AREAS[area]).main()


if __name__ == "__main__":
    main(sys.argv[1:])
