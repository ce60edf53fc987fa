"""Making what two engines say comparable: identifiers, times and addresses become placeholders."""

import re
from collections.abc import Mapping, Sequence

_UNIT = r"(?:second|minute|hour|day|week|month|year)s?"

Rules = Sequence[tuple[re.Pattern[str], str]]


def rules(*own: tuple[str, str]) -> Rules:
    """What to replace by what: patterns of one's own, after those of what no two swarms have in common."""
    shared = (
        (r"SWMTKN-1-[0-9a-z]+-[0-9a-z]+", "<token>"),
        (r"SWMKEY-1-[A-Za-z0-9+/=]+", "<key>"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*(?:Z| ?[+-]\d\d:?\d\d)?(?: ?UTC)?", "<time>"),
        (rf"(?i)(?:less than an?|about an?|\d+|an?) {_UNIT} ago", "<ago>"),
        (r"\b[0-9a-z]{25}\b", "<id>"),
    )
    return [(re.compile(pattern), placeholder) for pattern, placeholder in (*shared, *own)]


def replaced(text: str, rules: Rules) -> list[str]:
    """The lines of `text` with placeholders; white space is squeezed, empty lines are left out."""
    for rule, placeholder in rules:
        text = rule.sub(placeholder, text)
    lines = (" ".join(line.split()) for line in text.replace("\r", "\n").split("\n"))
    return [line for line in lines if line]


_RULES = rules((r"\b1(?:0|27|72)\.\d+\.\d+\.\d+(?:/\d+)?", "<address>"), (r"\b[0-9a-f]{64}\b", "<hash>"))


def normal(text: str, names: Mapping[str, str]) -> list[str]:
    """The lines of `text` without what differs between any two runs.

    `names` says what to write for an identifier or an address; identifiers are found when cut to 12 characters too.
    """
    for raw, name in names.items():
        text = re.sub(rf"(?<![0-9a-z]){re.escape(raw)}(?![0-9a-z])", name, text)
        if len(raw) == 25:
            text = re.sub(rf"(?<![0-9a-z]){raw[:12]}(?![0-9a-z])", name, text)
    return replaced(text, _RULES)
