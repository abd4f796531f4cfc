"""Time against size, measured and drawn: `python -m benchmarks.matching.scaling`.

Prints the table of `docs/scaling.md` and draws `docs/scaling.svg`. Results are kept in
`var/benchmarks/scaling.json` by size, so `--sizes` can measure some again, or none.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from benchmarks.matching.__main__ import TITLES, as_text, cpu_of
from benchmarks.matching.peers.registry import PEERS
from benchmarks.matching.run import ENGINE, run
from soundscape_site.settings.paths import BASE_DIR, VAR_DIR

SIZES: Final = (20_000, 200_000, 1_000_000, 2_000_000)
QUERIES: Final = 1000
RESULTS: Final = VAR_DIR / "benchmarks" / "scaling.json"
PLOT: Final = BASE_DIR / "docs" / "scaling.svg"

Results = dict[str, dict[str, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matching.scaling")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="in clips")
    parser.add_argument("--queries", type=int, default=QUERIES)
    options = parser.parse_args()
    results: Results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for clips in options.sizes:
        found = run(clips=clips, queries=options.queries, matcher="paper", peers=tuple(PEERS))
        print(as_text(found), flush=True)
        results[str(clips)] = found.as_json()
        RESULTS.write_text(json.dumps(results, indent=2))
    if results:
        print(as_table(results))
        draw(results, PLOT)
        print(f"drawn: {PLOT}")


def as_table(results: Results) -> str:
    """Return a Markdown table: for each size and peer, times, recall, memory and build."""
    lines = [
        "| Clips | | p50 ms | p95 ms | CPU ms | recall@10 | bytes a clip and class | build s |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for size in sorted(results, key=int):
        values = int(size) * 1000
        for name, title in TITLES.items():
            if one := results[size]["all"].get(name):
                cells = [
                    f"{int(size):,}", title, f"{one['ms_p50']:.2f}", f"{one['ms_p95']:.2f}",
                    cpu_of(one["cpu_ms"]), f"{one['recall_at_10']:.3f}",
                    f"{one['resident_bytes'] / values:.2f}", f"{one['build_seconds']:.0f}",
                ]  # fmt: skip
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(results: Results, path: Path) -> None:
    """Draw median times against sizes, both logarithmic, as an SVG that is always the same."""
    with mpl.rc_context({"svg.hashsalt": "scaling", "svg.fonttype": "none", "font.size": 11}):
        figure = Figure(figsize=(10, 5), layout="constrained")
        axes = figure.add_subplot()
        for name, title in TITLES.items():
            sizes = [size for size in sorted(results, key=int) if name in results[size]["all"]]
            times = [results[size]["all"][name]["ms_p50"] for size in sizes]
            if sizes:
                style = {"linewidth": 2.5, "color": "black"} if name == ENGINE else {}
                axes.loglog([int(size) for size in sizes], times, "o-", label=title, **style)
        axes.set_xticks(SIZES, [_short(size) for size in SIZES])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.minorticks_off()
        axes.set_xlabel("clips")
        axes.set_ylabel("milliseconds a photo (median)")
        axes.grid(visible=True, alpha=0.3)
        figure.legend(loc="outside right upper")
        figure.savefig(path, format="svg", metadata={"Date": None})


def _short(size: int) -> str:
    millions, rest = divmod(size, 1_000_000)
    return f"{size // 1000} 000" if rest else f"{millions} million"


if __name__ == "__main__":
    main()
