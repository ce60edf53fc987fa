"""Random commands on swarmlab and on real engines at once, compared after each: docs/conformance.md."""
