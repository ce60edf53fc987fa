"""Docker's own definitions of the Engine API, and a watch over everything that the servers answer in tests.

`v1.41.json` and `v1.50.json` are what `python -m tests.official SWAGGER.yaml` keeps of Docker's `swagger.yaml`
(Apache License 2.0, moby/moby, `api/`): what successful answers look like.
"""
