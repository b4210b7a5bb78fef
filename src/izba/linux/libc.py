"""The C library, spoken to through `_ctypes`: importing `ctypes` itself costs ten times as much.

`function` makes a callable of a C function, `check` turns its -1 into an `OSError` that names the call and the path.
"""

from __future__ import annotations

import os
from _ctypes import (
    FUNCFLAG_CDECL,
    FUNCFLAG_PYTHONAPI,
    FUNCFLAG_USE_ERRNO,
    Array,
    CFuncPtr,
    _SimpleCData,
    addressof,
    dlopen,
    dlsym,
    get_errno,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Argument: TypeAlias = type[_SimpleCData[Any]]


class Int(_SimpleCData):  # type: ignore[type-arg]
    _type_ = "i"


class Long(_SimpleCData):  # type: ignore[type-arg]
    _type_ = "l"


class Pointer(_SimpleCData):  # type: ignore[type-arg]
    """Takes an int (an address), bytes, a `Buffer` or None."""

    _type_ = "P"


class _Byte(_SimpleCData):  # type: ignore[type-arg]
    _type_ = "B"


class _IntFunction(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = Int


class _LongFunction(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO
    _restype_ = Long


class _HeldLongFunction(CFuncPtr):
    """Keeps the interpreter lock during the call, as a fork must."""

    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_USE_ERRNO | FUNCFLAG_PYTHONAPI
    _restype_ = Long


class _PythonFunction(CFuncPtr):
    _flags_ = FUNCFLAG_CDECL | FUNCFLAG_PYTHONAPI
    _restype_ = None


_library = dlopen(None, os.RTLD_NOW)  # type: ignore[arg-type]  # None is the program itself


def function(name: str, *arguments: Argument) -> CFuncPtr:
    """The function `name` of the C library, returning an int. Raises `OSError` where the library has none."""
    call = _IntFunction(dlsym(_library, name))
    call.argtypes = arguments
    return call


def python_function(name: str) -> CFuncPtr:
    """A function of CPython's own interface that takes and returns nothing."""
    call = _PythonFunction(dlsym(_library, name))
    call.argtypes = ()
    return call


_SYSCALL_ARGUMENTS = (Long, *(Pointer,) * 6)
_syscall = _LongFunction(dlsym(_library, "syscall"))
_syscall.argtypes = _SYSCALL_ARGUMENTS
_syscall_held = _HeldLongFunction(dlsym(_library, "syscall"))
_syscall_held.argtypes = _SYSCALL_ARGUMENTS


def syscall(
    number: int, a: object = 0, b: object = 0, c: object = 0, d: object = 0, e: object = 0, f: object = 0
) -> int:
    """A system call by number; -1 on failure, with the reason in `errno()`."""
    result: int = _syscall(number, a, b, c, d, e, f)
    return result


def syscall_holding_lock(number: int, a: object = 0, b: object = 0, c: object = 0, d: object = 0, e: object = 0) -> int:
    """The same without releasing the interpreter lock."""
    result: int = _syscall_held(number, a, b, c, d, e, 0)
    return result


def errno() -> int:
    """The `errno` of this thread's last failed call made through this module."""
    return get_errno()


def failure(call: str, path: str | bytes | None = None, number: int | None = None) -> OSError:
    """The `OSError` (or its subclass for the number) for the system call `call`, which stands in `error.syscall`."""
    number = get_errno() if number is None else number
    error = OSError(number, f"{call}: {os.strerror(number)}", path)
    error.__dict__["syscall"] = call
    return error


def check(call: str, result: int, path: str | bytes | None = None) -> int:
    """Pass `result` through unless it is the C library's -1."""
    if result == -1:
        raise failure(call, path)
    return result


def syscall_of(error: OSError) -> str:
    """The system call that failed with `error`; empty where Python's own `os` made it."""
    return str(error.__dict__.get("syscall", ""))


class Buffer:
    """Memory of `size` bytes that the kernel may write to; pass `buffer.pointer`."""

    __slots__ = ("array", "pointer")

    def __init__(self, content: int | bytes) -> None:
        size = content if isinstance(content, int) else len(content)
        self.array: Array[Any] = (_Byte * size)()
        if not isinstance(content, int):
            memoryview(self.array).cast("B")[:] = content
        self.pointer = addressof(self.array)

    def __bytes__(self) -> bytes:
        return bytes(self.array)
