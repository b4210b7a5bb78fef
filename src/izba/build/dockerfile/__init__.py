"""The Dockerfile language: text → `Dockerfile`, stages of instructions that know their places.

source.py        lines, continuations, directives; `Line` and `Word` keep every character's place
parser.py        lines → instructions → stages: `parse(text, file=…)`
instructions.py  each instruction as a Record
words.py         variables and quotes: `expand(word, env, escape=…)`
mounts.py        `RUN --mount`; ports.py: `EXPOSE`; heredocs.py: `<<EOF`
ignore.py        `.dockerignore`
lint.py          the build checks
"""

from izba.build.dockerfile.parser import parse, parse_trigger
from izba.build.dockerfile.source import DockerfileError

__all__ = ["DockerfileError", "parse", "parse_trigger"]
