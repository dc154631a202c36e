"""ndonnx, exported as ONNX models and executed in onnxruntime."""

from __future__ import annotations

import contextlib
import functools
import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tests.backends.base import Backend

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Model(NamedTuple):
    """A model in onnxruntime, and what it was exported with."""

    session: Any
    inputs: dict[str, np.ndarray]

    def run(self, **given: np.ndarray) -> list[np.ndarray]:
        """Execute on what it was exported with, but for the inputs that are given."""
        values: list[np.ndarray] = self.session.run(None, {name: given.get(name, x) for name, x in self.inputs.items()})
        return values


class Onnx(Backend):
    """Every array is an input of a graph, of unknown sizes: of its first axis, or of all, as the name says.

    The values are kept aside, and nothing can read them while a graph is built.  What comes back is what onnxruntime
    makes of the exported model, with its optimisations in force.
    """

    package = "ndonnx"
    readable = False
    slow = True
    sized = False
    halves = ("float16",)

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.runtime = importlib.import_module("onnxruntime")
        self.inputs: dict[str, tuple[Any, np.ndarray]] = {}
        """What `array` made, with its values: by the name of the input."""
        self.made: dict[int, tuple[Any, str]] = {}
        """What `array` made, with its name: by its id."""
        self.results: dict[int, tuple[Any, np.ndarray]] = {}
        """What was executed, with its values: by its id."""
        self.due: list[Any] = []
        """What `run` returned and is not executed yet: it is before any value is looked at, and before a test ends."""
        self.models: dict[Any, tuple[list[str], Model, bool]] = {}
        """What `call` exported, the names of its arguments, and whether it gives several: by function and shapes."""
        _share_constants(importlib.import_module("ndonnx._typed_array.ort_compat"))
        _infer_once(importlib.import_module("spox._standard").StandardNode)
        _build_maxima_once(self.module, importlib.import_module("spox"))

    def dtype(self, name: str) -> Any:
        return getattr(self.module, name)

    def make(self, data: np.ndarray, dtype: str) -> Any:
        unknown = data.ndim if self.name == "onnx-dynamic" else min(1, data.ndim)
        shape = (None,) * unknown + data.shape[unknown:]
        x, name = self.module.argument(shape=shape, dtype=self.dtype(dtype)), f"x{len(self.inputs)}"
        self.inputs[name] = x.copy(), data.astype(dtype)  # the caller's might be written to
        self.made[id(x)] = x, name
        return x

    def shape(self, x: Any) -> tuple[int, ...]:
        return self.data(x).shape

    def data(self, x: Any) -> np.ndarray:
        """Return the values of what `array` made."""
        return self.inputs[self.made[id(x)][1]][1]

    def numpy(self, x: Any) -> np.ndarray:
        return self.numpies([x])[0]

    def numpies(self, arrays: Iterable[Any]) -> tuple[np.ndarray, ...]:
        arrays = list(arrays)
        self.execute([x for x in arrays if isinstance(x, self.module.Array) and id(x) not in self.results])
        return tuple(self.results[id(x)][1] if id(x) in self.results else np.asarray(x) for x in arrays)

    def execute(self, graphs: list[Any]) -> None:
        """Export arrays, and what `run` returned since the last time, as one model, and run it."""
        one = {id(x): x for x in (*self.due, *graphs)}
        self.due.clear()
        if one:
            values = self.export(list(one.values())).run()
            self.results |= {key: (x, value) for (key, x), value in zip(one.items(), values, strict=True)}

    def export(self, graphs: list[Any]) -> Model:
        """Export arrays as a model of the inputs that they depend on."""
        model = self.module.build(
            {name: x for name, (x, _) in self.inputs.items()},
            {f"y{n}": x for n, x in enumerate(graphs)},
            drop_unused=True,
        )
        options = self.runtime.SessionOptions()
        options.intra_op_num_threads = 1  # a pool of threads takes longer to make than these graphs to run
        options.enable_mem_reuse = False  # to plan which results share memory takes most of the time of a session
        session = self.runtime.InferenceSession(model.SerializeToString(), options)
        return Model(session, {x.name: self.inputs[x.name][1] for x in model.graph.input})

    def run(self, function: Any, *arrays: Any) -> Any:
        results = function(*arrays)
        self.due += _flat(results)
        return results

    def call(self, function: Any, *arrays: Any) -> Any:
        """Export a function once in a test, and run the model on all arrays of its dtypes and shapes."""
        names = [self.made[id(x)][1] for x in arrays]
        key = function, *((x.dtype, x.shape, names.index(name)) for x, name in zip(arrays, names, strict=True))
        if key not in self.models:
            results = function(*arrays)
            self.models[key] = names, self.export(_flat(results)), isinstance(results, tuple)
        traced, model, several = self.models[key]
        values = model.run(**{name: self.data(x) for name, x in zip(traced, arrays, strict=True)})
        return tuple(values) if several else values[0]

    @contextlib.contextmanager
    def settings(self) -> Iterator[None]:
        """Execute what a test did not look at, and forget its arrays and models."""
        yield
        self.execute([])
        for kept in (self.inputs, self.made, self.results, self.models):
            kept.clear()


def _flat(results: Any) -> list[Any]:
    return [x for part in results for x in _flat(part)] if isinstance(results, tuple) else [results]


@functools.cache
def _share_constants(operators: Any) -> None:
    """Let nodes share a constant: ndonnx runs onnxruntime for each, more than half of the time that a graph takes."""
    make, made = operators.const, {}

    def const(value: Any, dtype: Any = None) -> Any:
        data = np.asarray(value, dtype)
        key = data.dtype, data.shape, data.tobytes()
        if key not in made:
            made[key] = make(data)
        return made[key]

    operators.const = const


@functools.cache
def _infer_once(node: Any) -> None:
    """Keep what spox infers of a node: it makes a model of each for its type, twice, half of the time of a graph."""
    for name in ("infer_output_types_onnx", "propagate_values_onnx"):
        setattr(node, name, _kept(getattr(node, name)))


def _kept(infer: Any) -> Any:
    """Call a method of a node that depends on its operator, attributes, and the types and values of its inputs."""
    found: dict[Any, Any] = {}

    def once(node: Any, input_prop_values: dict[str, Any]) -> Any:
        if next(iter(node.subgraphs), None) is not None:
            return infer(node, input_prop_values)
        attributes = ((name, None if x is None else _frozen(x.value)) for name, x in node.attrs.get_fields().items())
        types = ((name, x.type) for part in (node.inputs, node.outputs) for name, x in part.get_var_infos().items())
        values = ((name, None if x is None else _frozen(x.value)) for name, x in input_prop_values.items())
        key = type(node), *attributes, *types, None, *values
        if key not in found:
            found[key] = infer(node, input_prop_values)
        return found[key]

    return once


def _frozen(value: Any) -> Any:
    """Return a value as what can be a key."""
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, value.tobytes()
    if isinstance(value, (list, tuple)):
        return type(value), *map(_frozen, value)
    return type(value), value.hex() if isinstance(value, float) else value  # 0.0 == -0.0


@functools.cache
def _build_maxima_once(ndx: Any, spox: Any) -> None:
    """Inline what ndonnx builds for a maximum, about a hundred nodes, from one model for all arrays of a shape."""
    build, built = ndx.max, {}

    def maximum(x: Any, /, **options: Any) -> Any:
        key = x.dtype, x.shape, *options.items()
        if key not in built:
            argument = ndx.argument(shape=x.shape, dtype=x.dtype)
            built[key] = spox.inline(ndx.build({"x": argument}, {"y": build(argument, **options)}))
        return ndx.asarray(built[key](x=x.unwrap_spox())["y"])

    ndx.max = maximum
