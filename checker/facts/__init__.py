"""The vocabulary of facts: what may be so in a swarm at an instant. One file a family."""

from checker.facts.answers import Answers
from checker.facts.base import Fact
from checker.facts.either import Either
from checker.facts.local import Container
from checker.facts.manager import Manager
from checker.facts.named import Config, Network, NoConfig, NoNetwork, NoSecret, NoStack, Secret, Stack
from checker.facts.node import Node
from checker.facts.service import NoService, Service

#: Every kind of fact that an exercise may name.
AnyFact = (
    Manager | Node | Service | NoService | Config | NoConfig | Secret | NoSecret | Network | NoNetwork | Stack | NoStack
    | Container | Answers | Either
)  # fmt: skip

__all__ = ["AnyFact", "Fact"]
