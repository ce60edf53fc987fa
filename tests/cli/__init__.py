"""Tests of swarmlab.cli."""
