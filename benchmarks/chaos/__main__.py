"""`python -m benchmarks.chaos [--quick | --long] [--only F6,F20] [--plant fence]`."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Final

from benchmarks.chaos import mines
from benchmarks.chaos.campaign import Campaign, Result
from benchmarks.chaos.faults import FAULTS, LONG
from benchmarks.chaos.rig import Rig
from benchmarks.chaos.trial import Fault

_SWEEP_EVERY_S: Final = 30.0  # as the site does
_QUICK_SWEEP_EVERY_S: Final = 5.0
_HEAD: Final = (
    f"{'fault':<36}{'accepted':>9}{'unknown':>8}{'lost':>6}{'doubled':>8}"
    f"{'recovery s':>11}{'caught up s':>12}{'slowest upload s':>17}"
)


def main() -> int:
    """Inject faults into a site; the exit status tells whether every invariant held."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chaos", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the short form: three minutes")
    parser.add_argument("--long", action="store_true", help="only the long faults")
    parser.add_argument("--only", default="", help="codes of faults, comma-separated")
    parser.add_argument("--plant", choices=["fence"], default="", help="add a bug")
    given = parser.parse_args()
    faults = _chosen(given.only, quick=given.quick, long=given.long)
    began = time.monotonic()
    rig = Rig(
        model=mines.STAND_IN,
        sweep_every_s=_QUICK_SWEEP_EVERY_S if given.quick else _SWEEP_EVERY_S,
        planted_bug=given.plant,
    )
    try:
        rig.start()
        print(f"The site is ready after {time.monotonic() - began:.0f} s.\n\n{_HEAD}", flush=True)
        if not rig.has_own_disk:
            faults = [fault for fault in faults if not fault.needs_own_disk]
            print("Left out because no disk can be mounted here: faults that fill or lock one.")
        campaign = Campaign(rig, quick=given.quick)
        results = campaign.run(faults, told=_print_line)
        _print_total(results, campaign, time.monotonic() - began)
    finally:
        rig.stop()
    broken = any(result.violations for result in results)
    if broken:
        print(f"Ledger and logs are in {rig.folder}")
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
    if result.fault.every_time:
        limit_s = result.fault.recovers_within_s
        in_time = sum(took_s <= limit_s for took_s in result.recoveries_s)
        print(f"    {in_time} of {len(result.recoveries_s)} within {limit_s:g} s:", end="")
        print("".join(f" {took_s:.1f}" for took_s in result.recoveries_s))
    for violation in result.violations:
        print(f"    BROKEN {violation.invariant}: {violation.text}")
    sys.stdout.flush()


def _print_total(results: Sequence[Result], campaign: Campaign, took_s: float) -> None:
    accepted, lost = sum(r.accepted for r in results), sum(r.lost for r in results)
    print(
        f"\n{len(results)} faults in {took_s:.0f} s: {accepted} accepted, {lost} lost, "
        f"{sum(r.doubled for r in results)} doubled; {campaign.witness.partial} partial results in "
        f"{campaign.witness.reads} reads; programs started again: "
        f"{len(campaign.rig.keeper.restarts)}"
    )


if __name__ == "__main__":
    sys.exit(main())
