"""Tokens → nodes."""

from __future__ import annotations

from izba._record import Record
from izba.cli.output.gotemplate.lexer import TemplateError, Token, go_quote, line, tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

_DEEPEST = 100


class Node(Record):
    """`at` is where it stands in the template."""

    at: int


class Text(Node):
    text: str


class Literal(Node):
    value: object
    shown: str


class Dot(Node):
    pass


class Fields(Node):
    """`.A.B`, or `(…).A`, `$x.A` where `of` is not the dot."""

    of: Node | None
    names: tuple[str, ...]


class Variable(Node):
    name: str


class Function(Node):
    name: str


class Command(Node):
    """A function, or field, and its arguments."""

    arguments: tuple[Node, ...]


class Pipeline(Node):
    """`$a, $b := command | command`; `assigns`: with `=`, to a variable that is there."""

    variables: tuple[str, ...]
    assigns: bool
    commands: tuple[Command, ...]


class Action(Node):
    pipeline: Pipeline


class Branch(Node):
    """`keyword` is if, with or range."""

    keyword: str
    pipeline: Pipeline
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


class Jump(Node):
    """`keyword` is break or continue."""

    keyword: str


def parse(template: str, functions: Container[str]) -> tuple[Node, ...]:
    """Raises `TemplateError`."""
    parser = _Parser(template, functions)
    nodes, ended_by = parser.nodes(in_range=False)
    if ended_by is not None:
        raise parser.error(f"unexpected {{{{{ended_by.text}}}}}", ended_by)
    return nodes


class _Parser:
    def __init__(self, template: str, functions: Container[str]) -> None:
        self.template = template
        self.functions = functions
        self.tokens = list(tokens(template))
        self.next = 0
        self.depth = 0
        self.variables: list[str] = ["$"]

    def nodes(self, *, in_range: bool) -> tuple[tuple[Node, ...], Token | None]:
        """The nodes up to `{{end}}` or `{{else`, whose keyword is returned too, or up to the end."""
        found: list[Node] = []
        while self.next < len(self.tokens):
            token = self.take()
            if token.kind == "text":
                found.append(Text(at=token.at, text=token.text))
                continue
            self.skip_space()
            keyword = self.peek()
            if keyword.kind != "keyword" or keyword.text == "nil":
                found.append(Action(at=keyword.at, pipeline=self.pipeline("command", ends="close")))
                continue
            self.take()
            if keyword.text in {"end", "else"}:
                return tuple(found), keyword
            found.append(self.statement(keyword, in_range=in_range))
        return tuple(found), None

    def statement(self, keyword: Token, *, in_range: bool) -> Node:
        match keyword.text:
            case "if" | "with" | "range":
                return self.branch(keyword, in_range=in_range)
            case "break" | "continue":
                if not in_range:
                    raise self.error(f"{{{{{keyword.text}}}}} outside {{{{range}}}}", keyword)
                self.expect_close(keyword.text)
                return Jump(at=keyword.at, keyword=keyword.text)
            case _:
                raise self.error(f"{{{{{keyword.text}}}}} is not supported in a format", keyword)

    def branch(self, keyword: Token, *, in_range: bool) -> Branch:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.error("nested too deeply", keyword)
        scope = len(self.variables)
        pipeline = self.pipeline(keyword.text, ends="close", is_range=keyword.text == "range")
        body, ended_by = self.nodes(in_range=in_range or keyword.text == "range")
        otherwise: tuple[Node, ...] = ()
        if ended_by is not None and ended_by.text == "else":
            self.skip_space()
            again = self.peek()
            if again.kind == "keyword" and again.text == keyword.text != "range":
                # {{else if}} is an if inside the else, with one end for both.
                self.take()
                otherwise = (self.branch(again, in_range=in_range),)
                self.depth -= 1
                del self.variables[scope:]
                return self.branched(keyword, pipeline, body, otherwise)
            self.expect_close("else")
            otherwise, ended_by = self.nodes(in_range=in_range)
            if ended_by is not None and ended_by.text == "else":
                raise self.error("expected end; found {{else}}", ended_by)
        if ended_by is None:
            raise TemplateError(f":{line(self.template, len(self.template))}: unexpected EOF")
        self.expect_close("end")
        self.depth -= 1
        del self.variables[scope:]
        return self.branched(keyword, pipeline, body, otherwise)

    @staticmethod
    def branched(keyword: Token, pipeline: Pipeline, body: tuple[Node, ...], otherwise: tuple[Node, ...]) -> Branch:
        return Branch(at=keyword.at, keyword=keyword.text, pipeline=pipeline, body=body, otherwise=otherwise)

    def pipeline(self, context: str, *, ends: str, is_range: bool = False) -> Pipeline:
        """Up to the token `ends`, which is taken too."""
        self.skip_space()
        start = self.peek().at
        variables, assigns = self.declaration(is_range=is_range)
        commands: list[Command] = []
        while True:
            self.skip_space()
            token = self.peek()
            if token.kind in {ends, "close"}:
                if token.kind != ends:
                    raise self.error("unclosed left paren", token)
                self.take()
                if not commands:
                    raise self.error(f"missing value for {context}", token)
                self.variables += [] if assigns else variables
                self.check_stages(commands)
                return Pipeline(at=start, variables=variables, assigns=assigns, commands=tuple(commands))
            commands.append(self.command(ends))

    def check_stages(self, commands: list[Command]) -> None:
        for number, command in enumerate(commands[1:], 2):
            first = command.arguments[0]
            if isinstance(first, Literal | Dot):
                message = f"non executable command in pipeline stage {number}"
                raise TemplateError(f":{line(self.template, first.at)}: {message}")

    def declaration(self, *, is_range: bool) -> tuple[tuple[str, ...], bool]:
        start = self.next
        names: list[str] = []
        while self.peek().kind == "variable":
            names.append(self.take().text)
            self.skip_space()
            if self.peek().kind in {":=", "="}:
                assigns = self.take().kind == "="
                if assigns:
                    for name in names:
                        self.check_variable(name, start)
                return tuple(names), assigns
            if self.peek().kind != "," or not is_range or len(names) > 1:
                break
            self.take()
            self.skip_space()
        self.next = start
        return (), False

    def command(self, ends: str) -> Command:
        arguments: list[Node] = []
        start = self.peek().at
        while True:
            self.skip_space()
            token = self.peek()
            if token.kind in {"|", ends, "close"}:
                break
            arguments.append(self.operand())
            if self.peek().kind not in {"space", "|", ends, "close"}:
                raise self.unexpected(self.peek(), "operand")
        if self.peek().kind == "|":
            pipe = self.take()
            self.skip_space()
            if self.peek().kind in {ends, "close", "|"}:
                raise self.error("missing value for command" if arguments else "empty command", pipe)
        if not arguments:
            raise self.error("empty command", self.peek())
        return Command(at=start, arguments=tuple(arguments))

    def operand(self) -> Node:
        node = self.term()
        names: list[str] = []
        while self.peek().kind == "field" and self.peek().text != ".":
            names.append(self.take().text[1:])
        if not names:
            return node
        if isinstance(node, Literal | Dot):
            raise TemplateError(f":{line(self.template, node.at)}: unexpected . after term")
        if isinstance(node, Fields) and node.of is None:
            return Fields(at=node.at, of=None, names=(*node.names, *names))
        return Fields(at=node.at, of=node, names=tuple(names))

    def term(self) -> Node:
        token = self.take()
        match token.kind:
            case "field":
                return Fields(at=token.at, of=None, names=(token.text[1:],)) if token.text != "." else Dot(at=token.at)
            case "variable":
                self.check_variable(token.text, self.next - 1)
                return Variable(at=token.at, name=token.text)
            case "string":
                return Literal(at=token.at, value=token.text, shown=go_quote(token.text))
            case "number":
                return Literal(at=token.at, value=self.number(token), shown=token.text)
            case "word" if token.text in {"true", "false"}:
                return Literal(at=token.at, value=token.text == "true", shown=token.text)
            case "keyword" if token.text == "nil":
                return Literal(at=token.at, value=None, shown="nil")
            case "word":
                if token.text not in self.functions:
                    raise self.error(f"function {go_quote(token.text)} not defined", token)
                return Function(at=token.at, name=token.text)
            case "(":
                self.depth += 1
                if self.depth > _DEEPEST:
                    raise self.error("nested too deeply", token)
                pipeline = self.pipeline("parenthesized pipeline", ends=")")
                self.depth -= 1
                return pipeline
            case _:
                raise self.unexpected(token, "command")

    def number(self, token: Token) -> int | float:
        text = token.text.replace("_", "")
        try:
            return int(text, 0) if len(text) < 100 else float(text)
        except ValueError:
            pass
        try:
            return int(text) if text.lstrip("+-").isdecimal() else float(text)
        except ValueError:
            raise self.error(f"bad number syntax: {go_quote(token.text)}", token) from None

    def check_variable(self, name: str, token: int) -> None:
        if name not in self.variables:
            raise self.error(f"undefined variable {go_quote(name)}", self.tokens[token])

    def expect_close(self, context: str) -> None:
        self.skip_space()
        token = self.take()
        if token.kind != "close":
            raise self.unexpected(token, context)

    def peek(self) -> Token:
        return self.tokens[self.next]

    def take(self) -> Token:
        self.next += 1
        return self.tokens[self.next - 1]

    def skip_space(self) -> None:
        while self.tokens[self.next].kind == "space":
            self.next += 1

    def unexpected(self, token: Token, context: str) -> TemplateError:
        shown = {"close": '"}}"', "string": go_quote(go_quote(token.text))}.get(token.kind) or f"<{token.text}>"
        if token.kind not in {"close", "string"}:
            shown = f"<{token.text}>" if token.kind == "keyword" else go_quote(token.text)
        return self.error(f"unexpected {shown} in {context}", token)

    def error(self, message: str, token: Token) -> TemplateError:
        return TemplateError(f":{line(self.template, token.at)}: {message}")
