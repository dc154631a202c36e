"""The code of a core where it runs: read, and exchanged for that of a mutant, without touching a file."""

from __future__ import annotations

import contextlib
import importlib
import inspect
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from verification._cores import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from verification._mutations import Mutant


def function_of(module: str, name: str) -> FunctionType:
    """Return the function of a qualified name, as it is written: also that of a property or a static method."""
    found: Any = importlib.import_module(f"xent_arrayapi.{module}")
    for part in name.split("."):
        found = inspect.getattr_static(found, part)
    while not isinstance(found, FunctionType):
        found = found.fget if isinstance(found, property) else found.__func__
    return found


def codes(code: CodeType) -> Iterator[CodeType]:
    """Go through the code of a function and of the functions in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


@contextlib.contextmanager
def mutated(mutant: Mutant) -> Iterator[None]:
    """Run a mutant in place of its core: whoever holds the function, by whatever name, calls the mutant."""
    function = function_of(mutant.module, mutant.function)
    original = function.__code__
    function.__code__ = compiled(mutant)
    try:
        yield
    finally:
        function.__code__ = original


def compiled(mutant: Mutant) -> CodeType:
    """Compile the function of a mutant; errors show it as of the file that it would be in."""
    source = f"from __future__ import annotations\n{mutant.source}"
    module = compile(source, str(FOLDER / f"{mutant.module}.py"), "exec", dont_inherit=True)
    (code,) = (constant for constant in module.co_consts if isinstance(constant, CodeType))
    return code
