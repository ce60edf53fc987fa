"""The vocabulary of conditions: what an exercise can demand evidence of. One file a kind."""

from checker.conditions.always import Always
from checker.conditions.answer import Answer
from checker.conditions.asked import Asked
from checker.conditions.base import Condition, Finding, Observer
from checker.conditions.cause import Cause
from checker.conditions.ever import Ever
from checker.conditions.gone import Gone
from checker.conditions.now import Now
from checker.conditions.pace import Pace
from checker.conditions.probe import Probe
from checker.conditions.sequence import Sequence

#: Every kind of condition that an exercise may name.
AnyCondition = Ever | Now | Sequence | Asked | Always | Cause | Gone | Pace | Answer | Probe

__all__ = ["AnyCondition", "Condition", "Ever", "Finding", "Observer"]
