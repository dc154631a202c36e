"""The defects that are seeded into a function, and what each backend that catches one says of it."""

from __future__ import annotations

DEFECTS = {
    "float()": "a value is read by float()",
    "branch": "Python branches on a value",
    "constant": "a constant is made on the host",
    "sent constant": "a constant is made on the host and sent to the device",
    "mask": "an array is indexed by a boolean mask",
    "device": "an array is made without saying on which device",
    "sum(where=)": "a function is given an argument that the standard does not have",
}
"""What `tests/test_lanes.py` seeds into a function, to see that a lane catches it."""

NO_WHERE = {"sum(where=)": "unexpected keyword argument 'where'"}
ON_DEVICE = NO_WHERE | {
    "float()": "a synchronisation",
    "branch": "a synchronisation",
    "constant": "Arrays from two different devices",
    "device": "Arrays from two different devices",
}
TORCH = {"sum(where=)": 'missing 1 required positional arguments: "dim"'}
BATCHED = TORCH | {
    "float()": "calling .item() on a Tensor",
    "branch": "data-dependent control flow",
    "mask": "operators that can support dynamic shape",
}
CROSSING = TORCH | {
    **dict.fromkeys(("float()", "branch", "mask"), "the host waits for values, a synchronisation"),
    **dict.fromkeys(("constant", "device"), "tensors are on cpu, not on one device of pretend"),
    "sent constant": "built from Python numbers on the host, and copied to the device",
}
JITTED = {
    "float()": "Abstract tracer value encountered",
    "branch": "Attempted boolean conversion of traced array",
    "mask": "Array boolean indices must be concrete",
}
UNSEEN = NO_WHERE | {
    **dict.fromkeys(("float()", "branch"), "no propagated value available"),
    "device": "'arange' is not implemented for the provided inputs",
}
WAITING = NO_WHERE | {
    **dict.fromkeys(("float()", "branch"), "a synchronisation"),
    "mask": "emulated CuPy can't do",
}
SEQUENCE = {"sum(where=)": "setting an array element with a sequence"}
COMPUTED = "a graph is computed while it is built"

CATCHES = {
    "strict": NO_WHERE,
    "strict-flags": NO_WHERE | {"mask": "boolean_indexing flag"},
    **dict.fromkeys(("strict-device1", "strict-device2", "strict-no_float64", "strict-no_x64"), ON_DEVICE),
    "torch": TORCH,
    "torch-func": BATCHED,
    "torch-compile": TORCH | {"branch": "Data-dependent branching"},
    "torch-accelerator": CROSSING,
    "jax-jit": JITTED,
    "onnx-dynamic": UNSEEN,
    "cupy": WAITING,
    **dict.fromkeys(("mparray", "marray-numpy"), SEQUENCE),
    "dask-both": NO_WHERE | {"float()": COMPUTED, "branch": COMPUTED},
}
"""The defects that a backend catches, and what it says of them; it runs the others."""
