"""Go's text/template, as far as people use it with docker's `--format`.

Fields and methods, pipelines, variables, `if`, `else if`, `range`, `with`, `break`, `continue`, trim markers, comments,
parentheses; Go's functions without `html`, `js` and `urlquery`, and docker's `json`, `join`, `split`, `lower`, `upper`,
`title`, `pad` and `truncate`. No `define`, `template` and `block`. What goes wrong is told in Go's words.

    lexer.py → parser.py (nodes) → execute.py, with functions.py and values.py
"""

from izba.cli.output.gotemplate.execute import Template
from izba.cli.output.gotemplate.functions import HEADER_FUNCTIONS
from izba.cli.output.gotemplate.lexer import TemplateError
from izba.cli.output.gotemplate.values import go_json, go_string

__all__ = ["HEADER_FUNCTIONS", "Template", "TemplateError", "go_json", "go_string"]
