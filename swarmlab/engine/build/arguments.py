"""ARG and `--build-arg` (MB: builder/dockerfile/buildargs.go)."""

from collections.abc import Iterable, Mapping

#: These need no ARG, and leave no trace in the image unless they have one.
_BUILT_IN = (
    "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy",
)  # fmt: skip


class BuildArguments:
    """The arguments of a build; those that a stage has declared are forgotten with it."""

    def __init__(self, given: Mapping[str, str | None]) -> None:
        """`given` are those of the command line."""
        self._given = given
        self._global: dict[str, str | None] = {}
        self._declared: dict[str, str | None] = {}
        self._referenced: set[str] = set()

    def declare_global(self, words: Iterable[str]) -> None:
        """An ARG before the first FROM."""
        for name, value in _parsed(words):
            self._global[name] = self._declared[name] = value
            self._referenced.add(name)

    def declare(self, words: Iterable[str]) -> None:
        """An ARG of a stage."""
        for name, value in _parsed(words):
            self._declared[name] = value
            self._referenced.add(name)

    def begin_stage(self) -> None:
        """Nothing is declared any more."""
        self._declared = {}

    def for_from(self) -> dict[str, str]:
        """What a FROM may use."""
        return self._values(self._global)

    def known(self) -> dict[str, str]:
        """What the instructions of the stage may use."""
        return self._values(self._declared)

    def environment(self, variables: Iterable[str]) -> list[str]:
        """What a RUN gets besides the image's variables, which win."""
        names = {variable.partition("=")[0] for variable in variables}
        return [f"{name}={value}" for name, value in self.known().items() if name not in names]

    def noted(self, environment: Iterable[str]) -> list[str]:
        """What of this the image's history tells."""
        names = ((variable, variable.partition("=")[0]) for variable in environment)
        return sorted(variable for variable, name in names if name in self._declared or name not in _BUILT_IN)

    def unused(self) -> list[str]:
        """Those of the command line that nothing has asked for."""
        return [name for name in self._given if name not in self._referenced and name not in _BUILT_IN]

    def _values(self, declared: Mapping[str, str | None]) -> dict[str, str]:
        found = {}
        for name in (*declared, *_BUILT_IN):
            value = self._given.get(name)
            if value is None:
                value = declared.get(name)
            if value is None:
                value = self._global.get(name)
            if value is not None:
                found[name] = value
        return found


def _parsed(words: Iterable[str]) -> Iterable[tuple[str, str | None]]:
    for word in words:
        name, equals, value = word.partition("=")
        yield name, value if equals else None
