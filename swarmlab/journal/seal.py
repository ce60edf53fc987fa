"""Encryption of what must not be readable in the journal file: secrets' data, the CA's key, tokens and unlock keys."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet

from swarmlab.objects import Cluster, Object, Secret

_PREFIX = "sealed:"


class Seal:
    """A key that lives in a file of its own (mode 0600), beside the journal."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            # A key that is only half written would lose every secret: write aside, then rename.
            aside = path.with_suffix(".new")
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(Fernet.generate_key())
            aside.rename(path)
        self._fernet = Fernet(path.read_bytes())

    def close(self, text: str) -> str:
        """`text` encrypted; the empty string stays empty."""
        return _PREFIX + self._fernet.encrypt(text.encode()).decode() if text else ""

    def open(self, text: str) -> str:
        """What `close` was given. Raises cryptography.fernet.InvalidToken when the key is another one."""
        return self._fernet.decrypt(text.removeprefix(_PREFIX)).decode() if text.startswith(_PREFIX) else text

    def sealed(self, obj: Object) -> Object:
        """The object as the journal may hold it."""
        return self._map(obj, self.close)

    def opened(self, obj: Object) -> Object:
        """The object as it was before `sealed`."""
        return self._map(obj, self.open)

    @staticmethod
    def _map(obj: Object, convert: Callable[[str], str]) -> Object:
        replace = msgspec.structs.replace
        if isinstance(obj, Secret):
            return replace(obj, spec=replace(obj.spec, data=convert(obj.spec.data)))
        if isinstance(obj, Cluster):
            ca, tokens, rotation = obj.root_ca, obj.root_ca.join_tokens, obj.root_ca.rotation
            tokens = replace(tokens, worker=convert(tokens.worker), manager=convert(tokens.manager))
            if rotation is not None:
                rotation = replace(rotation, key=convert(rotation.key))
            ca = replace(ca, key=convert(ca.key), join_tokens=tokens, rotation=rotation)
            return replace(obj, root_ca=ca, unlock_key=convert(obj.unlock_key))
        return obj
