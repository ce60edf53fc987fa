"""`python -m tests.fuzz [N] [--seed S]`: N requests at a lab; prints what must not be, and exits with 1."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from .campaign import Campaign


def main() -> int:
    """Run a campaign."""
    parser = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=20_000, metavar="N")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        campaign = Campaign(Path(folder), options.seed)
        began = time.monotonic()
        campaign.run(options.count)
    shown: set[str] = set()
    for finding in campaign.findings:
        if finding.what[-120:] not in shown:
            shown.add(finding.what[-120:])
            sys.stdout.write(
                f"{finding.number}: {finding.what[:100]} … {finding.what[-600:]}\n    {finding.raw[:1500]!r}\n"
            )
    statuses = ", ".join(f"{count} × {status}" for status, count in sorted(campaign.statuses.items()))
    took = time.monotonic() - began
    sys.stdout.write(f"seed {options.seed}: {options.count} requests in {took:.0f} s: {statuses}\n")
    sys.stdout.write(f"{len(campaign.findings)} findings, {len(shown)} kinds of them\n")
    return 1 if campaign.findings else 0


if __name__ == "__main__":
    sys.exit(main())
