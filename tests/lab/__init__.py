"""Tests of swarmlab.lab, and the fakes that the command line is tested with too."""
