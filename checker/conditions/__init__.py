"""The vocabulary of conditions: what an exercise can demand evidence of. One file a kind."""

from checker.conditions.asked import Asked
from checker.conditions.base import Condition, Finding, Observer
from checker.conditions.ever import Ever
from checker.conditions.now import Now
from checker.conditions.sequence import Sequence

#: Every kind of condition that an exercise may name.
AnyCondition = Ever | Now | Sequence | Asked

__all__ = ["AnyCondition", "Asked", "Condition", "Ever", "Finding", "Now", "Observer", "Sequence"]
