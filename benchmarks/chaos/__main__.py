"""`python -m benchmarks.chaos [--quick | --long] [--only F6,F20] [--plant fence|once]`."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final

from benchmarks.chaos.campaign import Campaign, Result
from benchmarks.chaos.faults import FAULTS, LONG
from benchmarks.chaos.rig import Rig
from benchmarks.chaos.senders import figures
from benchmarks.chaos.trial import Fault

_SWEEP_EVERY_S: Final = 30.0  # the site's default
_QUICK_SWEEP_EVERY_S: Final = 5.0
_HEAD: Final = (
    f"{'fault':<36}{'accepted':>9}{'unknown':>8}{'lost':>6}{'doubled':>8}"
    f"{'recovery s':>11}{'caught up s':>12}{'slowest upload s':>17}"
)


def main() -> int:
    """Run the chosen faults; return 1 if an invariant is violated, otherwise 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a shorter run of three minutes")
    parser.add_argument("--long", action="store_true", help="only the faults that take long")
    parser.add_argument("--only", default="", help="only these fault codes, comma-separated")
    parser.add_argument(
        "--plant",
        choices=["fence", "once"],
        default="",
        help="add a bug that the run must detect",
    )
    given = parser.parse_args()
    faults = _chosen(given.only, quick=given.quick, long=given.long)
    started = time.monotonic()
    sweep_every_s = _QUICK_SWEEP_EVERY_S if given.quick else _SWEEP_EVERY_S
    rig = Rig(sweep_every_s=sweep_every_s, planted_bug=given.plant)
    try:
        rig.start()
        print(f"The site is ready after {time.monotonic() - started:.0f} s.\n\n{_HEAD}", flush=True)
        if not rig.has_own_disk:
            faults = [fault for fault in faults if not fault.needs_own_disk]
            print("No disk can be mounted here: the disk faults are skipped.")
        campaign = Campaign(rig, quick=given.quick)
        results = campaign.run(faults, on_result=_print_line)
        _print_summary(results, campaign, time.monotonic() - started)
    finally:
        rig.stop()
    broken = any(result.violations for result in results)
    if broken:
        print(f"The ledger and the logs are in {rig.folder}")
    else:
        shutil.rmtree(rig.folder)
    return int(broken)


def _chosen(only: str, *, quick: bool, long: bool) -> Sequence[Fault]:
    if only:
        codes = only.split(",")
        return [fault for fault in (*FAULTS, *LONG) if fault.code in codes]
    if long:
        return LONG
    return [fault for fault in FAULTS if fault.quick or not quick]


def _print_line(result: Result) -> None:
    print(
        f"{result.fault.code + ' ' + result.fault.name:<36}{result.accepted:>9}{result.unknown:>8}"
        f"{result.lost:>6}{result.doubled:>8}{result.recovery_s:>11.1f}{result.caught_up_s:>12.1f}"
        f"{result.slowest_upload_s:>17.1f}"
    )
    print(f"    API: {_words(result.api)}")
    if result.fault.every_time:
        limit_s = result.fault.recovers_within_s
        in_time = sum(took_s <= limit_s for took_s in result.recoveries_s)
        print(f"    {in_time} of {len(result.recoveries_s)} within {limit_s:g} s:", end="")
        print("".join(f" {took_s:.1f}" for took_s in result.recoveries_s))
    for violation in result.violations:
        print(f"    VIOLATED {violation.invariant}: {violation.text}")
    sys.stdout.flush()


def _words(api: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in api.items())


def _print_summary(results: Sequence[Result], campaign: Campaign, took_s: float) -> None:
    accepted, lost = sum(r.accepted for r in results), sum(r.lost for r in results)
    print(
        f"\n{len(results)} faults in {took_s:.0f} s: {accepted} accepted, {lost} lost, "
        f"{sum(r.doubled for r in results)} doubled; {campaign.witness.partial} partial results in "
        f"{campaign.witness.reads} reads; programs restarted: "
        f"{len(campaign.rig.keeper.restarts)}"
    )
    api = figures(campaign.rig.ledger.entries)
    for name in ("lost", "doubled"):
        api[name] = sum(result.api[name] for result in results)
    print(f"Through the API: {_words(api)}")


if __name__ == "__main__":
    sys.exit(main())
