"""Measure the ranking of synthetic libraries: `python -m benchmarks.matching --clips 200000`."""

from __future__ import annotations

import argparse
import json
from typing import Final

from benchmarks.matching.peers.registry import PEERS
from benchmarks.matching.run import ENGINE, LEAST_CLIPS, Run, run
from benchmarks.matching.synthetic_library import COLUMNS

MATCHERS: Final = ("paper", "fused")
TITLES: Final = {ENGINE: "this engine"} | {name: peer.title for name, peer in PEERS.items()}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matching", description=__doc__)
    parser.add_argument("--clips", type=_clips, default=200_000, help="size of the library")
    parser.add_argument("--queries", type=int, default=200, help="photos to rank for, up to 1008")
    parser.add_argument("--matcher", choices=MATCHERS, default="paper")
    parser.add_argument(
        "--peers", default=",".join(PEERS), help="which to measure beside, by commas, or none"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    if options.queries < 1:
        parser.error(f"--queries must be at least 1, got {options.queries}")
    peers = [] if options.peers == "none" else options.peers.split(",")
    if unknown := sorted(set(peers) - PEERS.keys()):
        parser.error(f"no such peer: {', '.join(unknown)}; there are {', '.join(PEERS)}")
    found = run(clips=options.clips, queries=options.queries, matcher=options.matcher, peers=peers)
    print(json.dumps(found.as_json(), indent=2) if options.json else as_text(found))


def as_text(found: Run) -> str:
    """Return the results as a table."""
    lines = [
        f"{found.clips:,} clips, {COLUMNS[found.matcher]} columns, matcher {found.matcher}",
        f"{'':<22}{'p50 ms':>9}{'p95 ms':>9}{'CPU ms':>9}{'recall@10':>11}{'exact':>7}"
        f"{'MiB':>9}{'build s':>9}  settings",
    ]
    for name, title in TITLES.items():
        if one := found.results.get(name):
            lines.append(
                f"{title:<22}{one.ms_p50:>9.2f}{one.ms_p95:>9.2f}{cpu_of(one.cpu_ms):>9}"
                f"{one.recall_at_10:>11.4f}{'yes' if one.exact else 'no':>7}"
                f"{one.resident_bytes / 2**20:>9.0f}{one.build_seconds:>9.1f}"
                f"  {one.settings}, {one.queries} queries".rstrip()
            )
        else:
            lines.append(f"{title:<22}  {found.absent[name]}")
    return "\n".join(lines)


def cpu_of(cpu_ms: float | None) -> str:
    """Return a processor time in words, a dash if it is unknown."""
    return "-" if cpu_ms is None else f"{cpu_ms:.2f}"


def _clips(text: str) -> int:
    count = int(text)
    if count < LEAST_CLIPS:
        raise argparse.ArgumentTypeError(f"at least {LEAST_CLIPS}, got {count}")
    return count


if __name__ == "__main__":
    main()
