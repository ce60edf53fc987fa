"""The Docker Engine HTTP API of one engine: decode, call, encode; a module per resource."""

from swarmlab.api.server import Server

__all__ = ["Server"]
