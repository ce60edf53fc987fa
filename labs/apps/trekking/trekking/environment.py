"""Settings that come from outside: an environment variable, or a file that a variable names."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured


def setting(name: str, default: str = "") -> str:
    """The value of the variable NAME, or what is in the file that NAME_FILE names, without spaces around it.

    Raises ImproperlyConfigured when both are there or the file cannot be read. Messages never tell a value.
    """
    path = os.environ.get(f"{name}_FILE")
    if path is None:
        return os.environ.get(name, default)
    if name in os.environ:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set; one of them is enough.")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read: {error.strerror}.") from None
