"""An engine's membership in a swarm."""
