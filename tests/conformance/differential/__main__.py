"""`python -m tests.conformance.differential --seed N --steps M OURS REAL`: random commands on two sides, compared.

OURS and REAL are endpoints, `unix://…`, several joined by commas, as many on each side. The engines are taken over.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from . import alphabet, faults
from .campaign import Campaign
from .command import Command
from .containers.generator import ContainerGenerator
from .generator import Generator


def main() -> int:
    """Play, print what differs, and say with 1 that something did."""
    parser = argparse.ArgumentParser(prog="differential", description=__doc__)
    parser.add_argument("ours", metavar="OURS")
    parser.add_argument("real", metavar="REAL")
    parser.add_argument("--alphabet", choices=("swarm", "containers"), default="swarm", help="which commands")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--steps", type=int, default=60, metavar="M")
    parser.add_argument("--only", metavar="WORD", help="play only commands with this word in them")
    parser.add_argument("--spite", type=float, default=0.3, help="how many commands contain a mistake (0 to 1)")
    parser.add_argument("--shrink", type=float, default=0.0, metavar="SECONDS", help="for each difference")
    parser.add_argument("--print", action="store_true", help="print the commands, play nothing")
    parser.add_argument("--commands", metavar="FILE", help="play these, one a line, instead of random ones")
    parser.add_argument(
        "--faults",
        nargs=2,
        metavar=("OURS", "REAL"),
        help="try faults of nodes: commands called with `stop`, `kill` or `start` and the number of an engine",
    )
    options = parser.parse_args()
    ours, real = options.ours.split(","), options.real.split(",")
    if options.faults and len(real) < faults.NODES:
        parser.error(f"faults need {faults.NODES} engines on each side")
    if options.alphabet == "containers":
        played, generator = alphabet.containers(), ContainerGenerator(options.seed, options.spite)
    else:
        played = alphabet.swarm(tuple(options.faults or ("", "")))
        generator = Generator(options.seed, len(real), options.spite, faulty=bool(options.faults))
    commands = list(generator.commands(options.steps))
    if options.commands:
        commands = [
            Command(line.strip(), disturbs=True)
            for line in Path(options.commands).read_text().splitlines()
            if line.strip()
        ]
    commands = [command for command in commands if not options.only or options.only in command.text]
    if options.print:
        sys.stdout.write("".join(f"{command}\n" for command in commands))
        return 0
    began, count = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="differential-") as folder:
        campaign = Campaign(played, ours, real, Path(folder))
        try:
            for finding in campaign.run(commands, _tell):
                count += 1
                _say(str(campaign.shrunk(finding, options.shrink) if options.shrink else finding))
        finally:
            campaign.close()
    _say(f"seed {options.seed}: {len(commands)} commands in {time.monotonic() - began:.0f} s, {count} differ")
    return 1 if count else 0


def _tell(number: int, command: Command) -> None:
    first = str(command).split("\n", 1)[0]
    sys.stderr.write(f"{number}: {first[:150]}\n")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
