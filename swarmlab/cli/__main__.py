"""`python -m swarmlab.cli`."""

from swarmlab.cli.app import main

main()
