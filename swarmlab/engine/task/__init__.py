"""The tasks of a swarm as containers of an engine, and what is told of them."""
