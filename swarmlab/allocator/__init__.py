"""Addresses and ports: subnets, virtual IPs, task addresses, published ports."""

from swarmlab.allocator.allocator import Allocator
from swarmlab.allocator.ports import ingress_ports

__all__ = ["Allocator", "ingress_ports"]
