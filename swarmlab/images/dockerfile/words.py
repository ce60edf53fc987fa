"""Words, quotes and variables (BK: frontend/dockerfile: shell/lex.go, parser/line_parsers.go)."""

from collections.abc import Mapping

from swarmlab.images.dockerfile.errors import DockerfileError

_SPECIAL = frozenset("@*#?-$!0")


def split_words(text: str, escape: str) -> list[str]:
    """Words with their quotes and escapes as they are."""
    words: list[str] = []
    word, quote = "", ""
    at = 0
    while at < len(text):
        character = text[at]
        at += 1
        if not quote and character.isspace():
            if word:
                words.append(word)
            word = ""
            continue
        if character == escape and quote != "'":
            if at == len(text):
                break
            word += character + text[at]
            at += 1
            continue
        if quote == character:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        word += character
    if word:
        words.append(word)
    return words


def expand(text: str, variables: Mapping[str, str], escape: str) -> str:
    """A word without its quotes, variables replaced. Raises DockerfileError."""
    return _Lexer(text, variables, escape).all()[0]


def expand_words(text: str, variables: Mapping[str, str], escape: str) -> list[str]:
    """The same, split at the spaces that are outside of quotes afterwards."""
    return _Lexer(text, variables, escape).all()[1]


class _Words:
    """What comes, as text and as words."""

    def __init__(self) -> None:
        self.text = ""
        self.words: list[str] = []
        self._word = ""

    def add(self, text: str, *, raw: bool) -> None:
        """Add text; spaces in it separate words, unless it is `raw`."""
        self.text += text
        for character in text:
            if raw or not character.isspace():
                self._word += character
            elif self._word:
                self.words.append(self._word)
                self._word = ""

    def end(self) -> tuple[str, list[str]]:
        """Everything."""
        return self.text, [*self.words, self._word] if self._word else self.words


class _Lexer:
    def __init__(self, text: str, variables: Mapping[str, str], escape: str) -> None:
        self._text = text
        self._variables = variables
        self._escape = escape
        self._at = 0

    def all(self) -> tuple[str, list[str]]:
        try:
            return self._until("")
        except DockerfileError as error:
            raise DockerfileError(f"failed to process {_quoted(self._text)}: {error.reason}") from None
        except RecursionError:
            raise DockerfileError("syntax error: substitutions are nested too deeply") from None

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        character = self._peek()
        self._at += 1
        return character

    def _until(self, stop: str) -> tuple[str, list[str]]:
        found = _Words()
        while character := self._peek():
            if character == stop:
                self._next()
                return found.end()
            if character == "'":
                found.add(self._single(), raw=True)
            elif character == '"':
                found.add(self._double(), raw=True)
            elif character == "$":
                found.add(self._variable(), raw=False)
            elif self._next() == self._escape:
                found.add(self._next(), raw=True)
            else:
                found.add(character, raw=False)
        if stop:
            raise DockerfileError(f"unexpected end of statement while looking for matching {stop}")
        return found.end()

    def _single(self) -> str:
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise DockerfileError("unexpected end of statement while looking for matching single-quote")
        inside = self._text[self._at + 1 : end]
        self._at = end + 1
        return inside

    def _double(self) -> str:
        self._next()
        inside = ""
        while character := self._peek():
            if character == '"':
                self._next()
                return inside
            if character == "$":
                inside += self._variable()
                continue
            self._next()
            if character == self._escape:
                if not self._peek():
                    continue
                if self._peek() in {'"', "$", self._escape}:
                    character = self._next()
            inside += character
        raise DockerfileError("unexpected end of statement while looking for matching double-quote")

    def _variable(self) -> str:
        self._next()
        if self._peek() != "{":
            name = self._name()
            return self._variables.get(name, "") if name else "$"
        self._next()
        if not self._peek():
            raise DockerfileError("syntax error: missing '}'")
        if self._peek() in "{}:":
            raise DockerfileError("syntax error: bad substitution")
        name = self._name()
        kind = self._next()
        value = self._variables.get(name)
        if kind == "}":
            return value or ""
        if kind not in {":", "?"}:
            raise DockerfileError("missing ':' in substitution")
        modifier = self._next() if kind == ":" else kind
        word = self._rest()
        if modifier == "+":
            return word if value else ""
        if modifier == "-":
            return value or word
        if modifier != "?":
            raise DockerfileError(f"unsupported modifier ({modifier}) in substitution")
        if value is None:
            raise DockerfileError(f"{name}: {word or 'is not allowed to be unset'}")
        if not value and kind == ":":
            raise DockerfileError(f"{name}: {word or 'is not allowed to be empty'}")
        return value

    def _rest(self) -> str:
        """What comes until the closing brace."""
        try:
            return self._until("}")[0]
        except DockerfileError:
            if not self._peek():
                raise DockerfileError("syntax error: missing '}'") from None
            raise

    def _name(self) -> str:
        name = ""
        while character := self._peek():
            if not name and character.isdigit():
                while self._peek().isdigit():
                    name += self._next()
                return name
            if not name and character in _SPECIAL:
                return self._next()
            if not (character.isalpha() or character.isdigit() or character == "_"):
                break
            name += self._next()
        return name


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
