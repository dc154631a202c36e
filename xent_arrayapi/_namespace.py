"""The only import of array-api-compat: namespace, device, dtype, what a backend can do."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import array_api_compat as compat

from xent_arrayapi import _host, _tensors
from xent_arrayapi._libraries import is_by_xla, is_dask, is_ndonnx, is_strict, is_torch, on_host

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xent_arrayapi._typing import Array, Device, DType, Namespace


_NAMESPACES: dict[type, Namespace] = {}
_INCOMPLETE: dict[Namespace, Incomplete] = {}
_KINDS: dict[tuple[DType, str], bool] = {}
"""Of NumPy, where to ask takes a tenth of the time of a small loss."""

NEEDED = (
    *("abs", "all", "any", "arange", "argmax", "asarray", "astype", "broadcast_arrays", "broadcast_to", "concat"),
    *("cumulative_sum", "exp", "expand_dims", "finfo", "float32", "float64", "full_like", "iinfo", "inf", "int32"),
    *("int64", "int8", "isdtype", "isfinite", "isinf", "isnan", "log", "log1p", "logical_and", "logical_not"),
    *("logical_or", "matmul", "matrix_transpose", "max", "min", "nan", "ones_like", "permute_dims", "prod", "reshape"),
    *("sqrt", "squeeze", "stack", "sum", "take", "tanh", "where", "zeros", "zeros_like", "__array_namespace_info__"),
)
"""All that we use of a namespace."""


class MissingFunctionError(TypeError, AttributeError):
    """A function that the standard has and an array library has not."""


class Incomplete:
    """A namespace that lacks some of what we need, and says so where it is used."""

    def __init__(self, xp: Namespace) -> None:
        """Stand for a namespace."""
        self.__name__, self._xp = xp.__name__, xp

    def __getattr__(self, name: str) -> Any:
        """Return what the namespace has, or say that it has not."""
        if hasattr(self._xp, name):
            return getattr(self._xp, name)
        msg = f"The array library must have `{name}` for this, which {self.__name__} has not: convert to another one."
        raise MissingFunctionError(msg)


def namespace_of(**arrays: Array) -> Namespace:
    """Return the one namespace and check the one device of the named arrays, leaving out None."""
    first, x, xp = "", None, None
    for name, y in arrays.items():
        if y is None:
            continue
        found = _NAMESPACES.get(type(y))
        if found is None:
            found = _look_up(name, y)
        if xp is None:
            first, x, xp = name, y, found
        elif found is not xp:
            msg = (
                f"`{first}` and `{name}` must come from one array library, not from "
                f"{_library(x)} and {_library(y)}: convert one of them."
            )
            raise TypeError(msg)
        else:
            _check_one_device(first, x, name, y, xp)
    return xp


def plain_namespace(arrays: Sequence[Array | None]) -> Namespace | None:
    """Return the namespace of plain arrays of NumPy, and None if others are among them."""
    plain: type = getattr(sys.modules.get("numpy"), "ndarray", type(None))
    return _NAMESPACES.get(plain) if {plain, type(None)}.issuperset(map(type, arrays)) else None


def _look_up(name: str, x: Array) -> Namespace:
    xp = _of_tensors() if _tensors.is_tensor(x) else _asked_for(name, x)
    if not all(hasattr(xp, needed) for needed in NEEDED):
        xp = _INCOMPLETE.setdefault(xp, Incomplete(xp))
    _NAMESPACES[type(x)] = xp
    return xp


def _of_tensors() -> Namespace:
    """Return the namespace of torch, which array-api-compat looks up in what it keeps: Dynamo would warn of that."""
    import array_api_compat.torch as xp  # noqa: PLC0415  # where torch is

    return xp


def _asked_for(name: str, x: Array) -> Namespace:
    if not compat.is_array_api_obj(x):
        msg = f"`{name}` must be an array, not {type(x).__name__}: make it one with the array library of the logits."
        raise TypeError(msg)
    if type(x).__module__.startswith("numpy.ma"):
        msg = f"`{name}` must be a plain array, not a masked array: pass its data, and its mask as `where`."
        raise TypeError(msg)
    return compat.array_namespace(x)


def _library(x: Array) -> str:
    return type(x).__module__.partition(".")[0]


def _check_one_device(first: str, x: Array, other: str, y: Array, xp: Namespace) -> None:
    if on_host(xp) or (is_by_xla(xp) and (is_traced(x) or is_traced(y))):
        return
    here, there = device_of(x), device_of(y)
    if here != there:
        msg = f"`{first}` and `{other}` must be on one device, not on {here} and {there}: move one of them."
        raise ValueError(msg)


def device_of(x: Array) -> Device:
    """Return the device that holds x; None of a library that does not say, as MLX, whose memory is one for all."""
    if is_torch(namespace_of(x=x)):
        return x.device
    try:
        return compat.device(x)
    except AttributeError:
        return None


def is_traced(x: Array) -> bool:
    """Tell whether x is a JAX tracer: an array without values, nor a device of its own."""
    return "jax" in sys.modules and isinstance(x, sys.modules["jax"].core.Tracer)


def is_readable(xp: Namespace, *arrays: Array | None) -> bool:
    """Tell whether the values of all arrays can be read with no synchronisation, transfer or graph computation."""
    if on_host(xp):
        return True
    given = [x for x in arrays if x is not None]
    if is_torch(xp):
        return all(map(_tensors.is_readable, given))
    if is_by_xla(xp):
        staged = is_traced(xp.zeros(()))  # under jit, concrete arrays cannot be read either
        return not staged and all(not is_traced(x) and all(d.platform == "cpu" for d in x.devices()) for x in given)
    return is_strict(xp) and all("CPU" in str(x.device) for x in given)


def are_viewable(xp: Namespace, arrays: Sequence[Array | None]) -> bool:
    """Tell whether all are tensors in host memory that nobody differentiates: NumPy can do what is done with them."""
    return is_torch(xp) and _tensors.are_viewable([x for x in arrays if x is not None])


def viewed(x: Array) -> Any:
    """Return an array of NumPy, in a file too, or a tensor that is viewable, as a plain array in the same memory."""
    if type(x) is sys.modules["numpy"].memmap:
        return sys.modules["numpy"].asarray(x)
    return _tensors.viewed(x) if is_torch(namespace_of(x=x)) else x


def quiet(xp: Namespace) -> contextlib.AbstractContextManager[None]:
    """Keep NumPy from warning where a result is infinite or nan on purpose, also where it computes for another library.

    What Dask computes later, or on other threads, is out of reach.
    """
    if not on_host(xp) and ("numpy" not in sys.modules or is_by_xla(xp) or (is_torch(xp) and _tensors.is_compiled())):
        return contextlib.nullcontext()
    return sys.modules["numpy"].errstate(all="ignore")  # type: ignore[no-any-return]


def is_floating(dtype: DType, xp: Namespace) -> bool:
    """Tell whether dtype is real floating."""
    return _is_kind(dtype, "real floating", xp)


def is_integral(dtype: DType, xp: Namespace) -> bool:
    """Tell whether dtype is an integer type, bool excluded."""
    return _is_kind(dtype, "integral", xp)


def is_boolean(dtype: DType, xp: Namespace) -> bool:
    """Tell whether dtype is bool."""
    return _is_kind(dtype, "bool", xp)


def _is_kind(dtype: DType, kind: str, xp: Namespace) -> bool:
    known = _KINDS if on_host(xp) else {}
    if (dtype, kind) not in known:
        known[dtype, kind] = bool(xp.isdtype(dtype, kind))
    return known[dtype, kind]


def floating_dtype(x: Array, xp: Namespace) -> DType:
    """Return the dtype of x if it is floating, else the default floating dtype of its device."""
    if is_floating(x.dtype, xp):
        return x.dtype
    return default_dtype(x, "real floating", xp)


def default_dtype(x: Array, kind: str, xp: Namespace) -> DType:
    """Return what the backend takes by default, on the device of x, for a kind of dtype."""
    if on_host(xp):
        return xp.float64 if kind == "real floating" else xp.int64
    return xp.__array_namespace_info__().default_dtypes(device=None if is_traced(x) else device_of(x))[kind]


def computing_dtype(dtype: DType, xp: Namespace) -> DType:
    """Return the dtype to compute in: float32 for half precision, else dtype itself."""
    return xp.float32 if xp.finfo(dtype).bits < xp.finfo(xp.float32).bits else dtype


def widened(labels: Array, xp: Namespace) -> Array:
    """Return integer labels as signed integers of the default width at least."""
    default = default_dtype(labels, "integral", xp)
    if labels.dtype == default or _holds(labels.dtype, default, xp):
        return labels
    return xp.astype(labels, default)


def _holds(dtype: DType, default: DType, xp: Namespace) -> bool:
    """Tell whether a dtype of signed integers has all numbers of another one."""
    return _is_kind(dtype, "signed integer", xp) and xp.iinfo(dtype).max >= xp.iinfo(default).max


def size_of(x: Array, axis: int) -> Any:
    """Return the size of an axis: where it is None, for ndonnx learns it when the graph runs, as an array of it."""
    size = x.shape[axis]
    return x.dynamic_shape[axis] if size is None else size


def sizes_of(x: Array) -> Any:
    """Return the shape of x for `reshape` and `broadcast_to`: where ndonnx does not know it, as an array."""
    return x.dynamic_shape if None in x.shape else tuple(x.shape)


def class_indices(classes: Any, dtype: DType, like: Array, xp: Namespace) -> Array:
    """Return 0, 1, ..., K − 1 on the device of an array, where it has one that is known."""
    device = None if is_traced(like) else device_of(like)
    return xp.arange(classes, dtype=dtype, **({} if device is None else {"device": device}))


def is_chunked(x: Any) -> bool:
    """Tell whether x is of Dask: an array in chunks, made when it is asked for."""
    return bool(compat.is_dask_array(x))


def is_of_host(x: Any) -> bool:
    """Tell whether x is of NumPy or of no array library: a list, a data frame, a sparse matrix."""
    return not compat.is_array_api_obj(x) or bool(compat.is_numpy_array(x))


def from_host(values: Any, like: Array, kind: str = "real floating") -> Any:
    """Return a NumPy array in the library and on the device of an array: floating in its dtype, else the default."""
    xp, device = namespace_of(like=like), device_of(like)
    dtype = like.dtype if kind == "real floating" else default_dtype(like, kind, xp)
    return xp.asarray(values, dtype=dtype, **({} if device is None else {"device": device}))


def to_host(x: Array) -> Any:
    """Return an array as a NumPy array: one on another device is copied."""
    import numpy as np  # noqa: PLC0415  # what runs on the host is of NumPy

    xp, x = namespace_of(x=x), detached(x)
    if is_by_xla(xp):
        return np.asarray(x)
    return np.asarray(compat.to_device(x, type(x.device)("CPU_DEVICE") if is_strict(xp) else "cpu"))


def detached(x: Array) -> Any:
    """Return an array that no derivative is taken of: of torch, one outside its graph."""
    return x.detach() if is_torch(namespace_of(x=x)) else x


def settled(column: Array, xp: Namespace) -> Array:
    """Return what a reduction has made: of a DTensor, parts would be reduced each time that they are used."""
    return _tensors.settled(column) if is_torch(xp) else column


def comparable(x: Array, xp: Namespace) -> Array:
    """Return x, or what is as infinite: where torch differentiates what it compiles, it keeps what it has compared."""
    return _tensors.comparable(x) if is_torch(xp) else x


def rounded(x: Array, xp: Namespace) -> Array:
    """Return x as it is rounded once: XLA would compute it anew for what asks for it, and round it in other ways."""
    return sys.modules["jax"].lax.optimization_barrier(x) if is_by_xla(xp) and is_traced(x) else x


def quietly(formula: Callable[..., Array], xp: Namespace, *arrays: Array) -> Array:
    """Apply a formula to each element, in which what is not a number is left out: Dask would warn of it later."""
    if is_dask(xp):

        def of_blocks(*blocks: Array) -> Array:
            plain = namespace_of(x=blocks[0])
            with quiet(plain):
                return formula(*blocks, plain)

        like = arrays[0]
        return sys.modules["dask.array"].map_blocks(of_blocks, *arrays, dtype=like.dtype, meta=like._meta)  # noqa: SLF001
    return formula(*arrays, xp)


def rows_in_order(x: Array, xp: Namespace) -> Array:
    """Lay the last axis out contiguously where sums along another layout would add naively: NumPy's do, also marray's.

    Measured: 72 ulp at K = 100 000 in float32 along a strided axis, under 2 along a contiguous one.
    """
    if x.ndim < 2 or 0 in x.shape:  # a vector has one layout
        return x
    if is_dask(xp):
        return x.map_blocks(_rows_of_a_block, dtype=x.dtype, meta=x._meta)  # noqa: SLF001  # Dask documents it
    if on_host(xp) and x.flags.c_contiguous:
        return x
    if on_host(xp) or is_strict(xp) or xp.__name__.startswith("marray."):
        return xp.reshape(xp.reshape(x, (-1,)), x.shape)
    return x


def written_in_place(x: Array, xp: Namespace) -> Array:
    """Return a permuted array as one that is computed in its order, where a compiler would permute it afterwards."""
    return _tensors.written_in_place(x) if is_torch(xp) else x


def _rows_of_a_block(block: Array) -> Array:
    return rows_in_order(block, namespace_of(x=block))


def cumulative_rows(x: Array, xp: Namespace) -> Array:
    """Return cumulative sums along the last axis: of log2 K roundings each, and in the same order on every backend.

    Where the number of classes is unknown or in chunks, they are what the library makes.
    """
    if x.shape[-1] is None or is_dask(xp):
        return xp.cumulative_sum(x, axis=-1)
    step = 1
    while step < x.shape[-1]:
        x = x + xp.concat([xp.zeros_like(x[..., :step]), x[..., :-step]], axis=-1)
        step = 2 * step
    return x


def gathers(x: Array, xp: Namespace) -> bool:
    """Tell whether entries are read by their index: by torch and JAX, which compile that; DTensors are in parts."""
    return is_by_xla(xp) or (is_torch(xp) and _tensors.is_whole(x))


def gathered(x: Array, index: Array, xp: Namespace) -> Any:
    """Return the entry of each row that a column of indices names."""
    if is_torch(xp):
        return _tensors.one_of_each(x, index)
    jax_numpy: Any = xp  # or what stands for it
    return jax_numpy.take_along_axis(x, index, axis=-1)


def are_below(x: Array, bound: int, xp: Namespace) -> bool:
    """Tell whether integers are in 0..bound − 1; reads values."""
    if on_host(xp):  # as unsigned integers, negative ones are large
        return bool(x.view(f"u{x.itemsize}").max() < bound)
    return int(xp.min(x)) >= 0 and int(xp.max(x)) < bound


def ones_for(column: Array, dtype: DType, xp: Namespace) -> Array:
    """Return ones of a dtype in the shape of a column."""
    if on_host(xp):
        return _host.ones_of(column.shape, dtype)
    return xp.ones_like(column, dtype=dtype)


def sum_rows(x: Array, xp: Namespace, *, within_one: bool = False) -> Array:
    """Sum along the last axis, pairwise or better on every backend, and keep it; it helps that no term exceeds 1."""
    if on_host(xp):
        return _host.sum_rows(x)
    if is_torch(xp) and _tensors.is_added_naively(x):
        if _tensors.are_many(x) or (not within_one and x.stride(-1) != 1):
            return _tensors.added_in_float64(x) if x.dtype == xp.float32 else _sum_in_any_order(x, xp)
        if within_one:
            return _sum_of_parts(x, 2 * x.shape[-1], xp)
    if is_ndonnx(xp) and is_floating(x.dtype, xp):
        return _sum_in_any_order(x, xp)
    return xp.sum(x, axis=-1, keepdims=True)


def _sum_in_any_order(x: Array, xp: Namespace) -> Array:
    """Sum with few roundings in whichever order a compiler or a runtime adds: float32 in float64.

    With σ ≥ 3 Σ|x|, the high parts (σ + x) − σ are multiples of one unit, few enough that their sum is exact, and
    what they leave is tiny (Rump, Ogita and Oishi 2008, section 3).  onnxruntime adds naively along some layouts:
    measured at K = 100 000, 465 ulp in float32 and 929 in float64; so does the compiler of torch.
    """
    if x.dtype != xp.float64:
        return xp.astype(xp.sum(xp.astype(x, xp.float64), axis=-1, keepdims=True), x.dtype)
    total = xp.sum(x, axis=-1, keepdims=True)
    better = _sum_of_parts(x, 3 * xp.sum(xp.abs(x), axis=-1, keepdims=True), xp)
    return xp.where(xp.isfinite(better), better, total)


def _sum_of_parts(x: Array, sigma: Any, xp: Namespace) -> Array:
    """Sum high parts and what they leave."""
    high = (sigma + x) - sigma
    return xp.sum(high, axis=-1, keepdims=True) + xp.sum(x - high, axis=-1, keepdims=True)
