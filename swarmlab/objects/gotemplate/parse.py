"""Templates read (Go: text/template/parse/parse.go)."""

from collections.abc import Collection, Iterator, Sequence
from typing import NoReturn

from swarmlab.objects.gotemplate.lex import Action, Token, constant, pieces
from swarmlab.objects.gotemplate.nodes import (
    Access,
    Branch,
    Call,
    Command,
    Jump,
    Literal,
    Node,
    Operand,
    Pipe,
    Source,
    Template,
    Text,
    Use,
)

_CONSTANTS = {"true": True, "false": False, "nil": None}
_BRANCHES = frozenset({"if", "with", "range"})
_WORDS = _BRANCHES | {"else", "end", "define", "template", "block", "break", "continue"}


def parse(source: Source, functions: Collection[str]) -> Template:
    """A template that may call these functions. Raises TemplateError."""
    reader = _Reader(source, functions)
    nodes, ended = reader.nodes(())
    if ended:
        reader.fail(reader.position, f"unexpected {{{{{ended}}}}}")
    return Template(source, nodes, reader.defined)


class _Reader:
    def __init__(self, source: Source, functions: Collection[str]) -> None:
        self._source = source
        self._functions = functions
        self._pieces: Iterator[str | Action] = pieces(source)
        self._tokens: list[Token] = []
        self._variables: list[str] = ["$"]
        #: How many `range` there are around what is read.
        self._ranges = 0
        #: Where the last action begins.
        self.position = 0
        self.defined: dict[str, Sequence[Node]] = {}

    def fail(self, position: int, reason: str) -> NoReturn:
        raise self._source.error(position, reason)

    # --- lists -----------------------------------------------------------------------------------------------------

    def nodes(self, ends: Collection[str]) -> tuple[list[Node], str]:
        """Nodes up to one of the words that end them, and that word, whose tokens come next."""
        found: list[Node] = []
        for piece in self._pieces:
            if isinstance(piece, str):
                if piece:
                    found.append(Text(piece))
                continue
            self.position = piece.position
            self._tokens = piece.tokens
            word = self._peek()
            if word.kind == "word" and word.text in _WORDS:
                self._next()
                if word.text in {"end", "else"}:
                    return found, word.text
                found += self._special(word)
            else:
                found.append(self._whole_pipe("command"))
        if ends:
            self.fail(len(self._source.text), "unexpected EOF")
        return found, ""

    def _special(self, word: Token) -> list[Node]:
        if word.text in _BRANCHES:
            return [self._branch(word.text)]
        if word.text in {"break", "continue"}:
            if not self._ranges:
                self.fail(word.position, f"{{{{{word.text}}}}} outside {{{{range}}}}")
            self._end(f"{{{{{word.text}}}}}")
            return [Jump(word.text)]
        name = self._peek()
        if name.kind not in {"string", "raw"}:
            self.fail(word.position, f"unexpected {_shown(name)} in {word.text} clause")
        self._next()
        title = str(self._constant(name))
        if word.text == "define":
            self._end(f"{word.text} clause")
            self.defined[title] = self._body()
            return []
        pipe = None if self._at_end() else self._whole_pipe(f"{word.text} clause")
        self._end(f"{word.text} clause")
        if word.text == "block":
            self.defined.setdefault(title, self._body())
        return [Use(name.position, f"{{{{template {name.text}}}}}", title, pipe)]

    def _body(self) -> Sequence[Node]:
        known, self._variables = self._variables, ["$"]
        nodes, ended = self.nodes(("end",))
        if ended == "else":
            self.fail(self.position, "unexpected {{else}}")
        self._end("end")
        self._variables = known
        return nodes

    def _branch(self, kind: str) -> Branch:
        known = len(self._variables)
        pipe = self._whole_pipe(kind)
        self._ranges += kind == "range"
        then, ended = self.nodes(("end", "else"))
        self._ranges -= kind == "range"
        otherwise: Sequence[Node] = ()
        if ended == "else":
            following = self._peek()
            if following.kind == "word" and following.text == kind and kind in {"if", "with"}:
                self._next()
                otherwise = [self._branch(kind)]
                del self._variables[known:]
                return Branch(kind, pipe, then, otherwise)
            self._end("else")
            otherwise, ended = self.nodes(("end",))
            if ended == "else":
                self.fail(self.position, "expected end; found {{else}}")
        self._end("end")
        del self._variables[known:]
        return Branch(kind, pipe, then, otherwise)

    # --- pipelines -------------------------------------------------------------------------------------------------

    def _whole_pipe(self, what: str) -> Pipe:
        pipe = self._pipe(what)
        self._end(what)
        return pipe

    def _pipe(self, what: str) -> Pipe:
        begin = self._peek().position
        names, declares = self._declaration(what)
        commands: list[Command] = []
        while not commands or not self._at_end():
            commands.append(self._command(what))
            first = commands[-1].operands[0]
            if len(commands) > 1 and (isinstance(first, Literal) or first.source == "."):
                self.fail(first.position, f"non executable command in pipeline stage {len(commands)}")
            if not self._is_sign("|"):
                break
            self._next()
        if declares:
            self._variables += names
        return Pipe(begin, self._text_from(begin), names, declares, tuple(commands))

    def _declaration(self, what: str) -> tuple[tuple[str, ...], bool]:
        """Variables that a pipeline gives a value, and whether they are new."""
        signs = [token for token in self._tokens if token.kind != "space"]
        texts = [token.text for token in signs[:4]]
        kinds = [token.kind for token in signs[:4]]
        if kinds[:1] != ["variable"]:
            return (), False
        names: tuple[str, ...]
        if texts[1:2] in (["="], [":="]):
            names, count, sign = (texts[0],), 2, texts[1]
        elif what == "range" and texts[1:2] == [","] and kinds[2:3] == ["variable"] and texts[3:4] in (["="], [":="]):
            names, count, sign = (texts[0], texts[2]), 4, texts[3]
        else:
            return (), False
        for _ in range(count):
            self._next()
        return names, sign == ":="

    def _command(self, what: str) -> Command:
        begin = self._peek().position
        operands: list[Operand] = []
        while not self._at_end() and not self._is_sign("|", ")"):
            operands.append(self._operand(what))
            if self._tokens[0].kind not in {"space", "end"} and not self._is_sign("|", ")"):
                self.fail(self._tokens[0].position, f"unexpected {_shown(self._tokens[0])} in operand")
        if not operands and not self._at_end():
            self.fail(begin, f"unexpected {_shown(self._peek())} in {what}")
        if not operands:
            self.fail(begin, f"missing value for {what}")
        return Command(begin, self._text_from(begin), tuple(operands))

    def _operand(self, what: str) -> Operand:
        token = self._next()
        position = token.position
        base: Operand
        if token.kind in {"string", "raw", "char", "number"}:
            return Literal(position, token.text, self._constant(token))
        if token.kind == "word":
            if token.text in _CONSTANTS:
                return Literal(position, token.text, _CONSTANTS[token.text])
            if token.text not in self._functions:
                self.fail(position, f'function "{token.text}" not defined')
            return Call(position, token.text, token.text)
        if token.kind == "field":
            return self._fields("", position, token.text)
        if token.kind == "variable":
            self._known(token.text, position)
            return self._fields(token.text, position, token.text)
        if token.text == ".":
            return Access(position, ".", "", ())
        if token.text == "(":
            base = self._pipe("parenthesized pipeline")
            closing = self._next()
            if closing.text != ")":
                self.fail(closing.position, "unclosed left paren")
            return self._fields(base, position, f"({base.source})")
        return self.fail(position, f"unexpected {_shown(token)} in {what}")

    def _fields(self, of: str | Pipe, position: int, source: str) -> Access | Pipe:
        """The fields that follow at once."""
        fields = [source[1:]] if isinstance(of, str) and not of else []
        first = True
        while self._tokens and self._tokens[0].kind == "field":
            token = self._tokens.pop(0)
            # Go tells where the second part of a chain is.
            position = token.position if first else position
            first = False
            fields.append(token.text[1:])
            source += token.text
        return of if isinstance(of, Pipe) and not fields else Access(position, source, of, tuple(fields))

    def _constant(self, token: Token) -> object:
        try:
            return constant(token)
        except (ValueError, SyntaxError):
            reason = f'bad number syntax: "{token.text}"' if token.kind == "number" else "invalid syntax"
            self.fail(token.position, reason)

    # --- tokens ----------------------------------------------------------------------------------------------------

    def _known(self, name: str, position: int) -> None:
        if name not in self._variables:
            self.fail(position, f'undefined variable "{name}"')

    def _peek(self) -> Token:
        while self._tokens[0].kind == "space":
            self._tokens.pop(0)
        return self._tokens[0]

    def _next(self) -> Token:
        token = self._peek()
        return token if token.kind == "end" else self._tokens.pop(0)

    def _is_sign(self, *texts: str) -> bool:
        return self._peek().kind == "sign" and self._peek().text in texts

    def _at_end(self) -> bool:
        return self._peek().kind == "end"

    def _end(self, what: str) -> None:
        if not self._at_end():
            self.fail(self._peek().position, f"unexpected {_shown(self._peek())} in {what}")

    def _text_from(self, begin: int) -> str:
        """The text from a position to the next token, as Go writes what it has read."""
        return " ".join(self._source.text[begin : self._peek().position].split())


def _shown(token: Token) -> str:
    if token.kind == "end":
        return '"}}"'
    return f"<{token.text}>" if token.kind in {"word", "field"} and token.text in _WORDS | {"."} else f'"{token.text}"'
