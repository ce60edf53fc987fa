"""jsonschema without what takes long to import. As a pytest plugin: for those who import it afterwards."""

import sys

# It can do without this, which makes a grammar of addresses in any script: it takes longer than all the rest together,
# and no schema of Docker or of notebooks has such a format.
_GRAMMAR = "rfc3987_syntax"
_absent = _GRAMMAR not in sys.modules
if _absent:
    sys.modules[_GRAMMAR] = None  # type: ignore[assignment]
from jsonschema import Draft7Validator  # noqa: E402

if _absent:
    del sys.modules[_GRAMMAR]

__all__ = ["Draft7Validator"]
