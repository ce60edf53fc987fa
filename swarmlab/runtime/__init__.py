"""What an engine asks of a container runtime (`base`), and the runtimes that answer."""
