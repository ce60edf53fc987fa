"""The shell of a virtual container: what a command line means, who runs it, and what it says."""
