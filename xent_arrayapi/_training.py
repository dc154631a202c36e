"""What a classifier is trained on: features, labels and weights, checked and in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import assert_all_finite
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from xent_arrayapi._namespace import (
    computing_dtype,
    detached,
    floating_dtype,
    from_host,
    is_floating,
    is_integral,
    is_of_host,
    namespace_of,
    to_host,
)
from xent_arrayapi._validate import choice, dtype_name

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

    from xent_arrayapi._typing import Array


def features(estimator: BaseEstimator, x: Any, *, reset: bool) -> Array:
    """Return X as an array of its library in the dtype to compute in, once its shape and values are checked."""
    if is_of_host(x):
        return validate_data(estimator, x, reset=reset, dtype=[np.float64, np.float32], order="C")
    real_features(x)
    validate_data(estimator, x, reset=reset, skip_check_array=True)
    x = detached(floating(x))
    finite_only(x)
    return x


def real_features(x: Array) -> None:
    """Check the shape and dtype of features, which are not of the host."""
    xp = namespace_of(X=x)
    if x.ndim != 2:
        msg = f"`X` must have 2 axes, rows and features, not {x.ndim}: reshape it."
        raise ValueError(msg)
    if not (is_floating(x.dtype, xp) or is_integral(x.dtype, xp)):
        msg = f"`X` must be floating or integer, not {dtype_name(x.dtype)}: convert it first."
        raise TypeError(msg)
    rows, columns = x.shape
    if rows == 0 or columns == 0:
        msg = f"`X` must have rows and features, not the shape {tuple(x.shape)}."
        raise ValueError(msg)


def floating(x: Array) -> Array:
    """Return features in the dtype to compute in."""
    xp = namespace_of(X=x)
    dtype = computing_dtype(floating_dtype(x, xp), xp)
    return x if x.dtype == dtype else xp.astype(x, dtype)


def finite_only(x: Array) -> None:
    """Check the values of features."""
    xp = namespace_of(X=x)
    if not bool(xp.all(xp.isfinite(x))):
        msg = "`X` must hold finite numbers, and has NaN or infinity: impute or drop them."
        raise ValueError(msg)


def labels(estimator: BaseEstimator, x: Array, y: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the classes in order, and the index of the class of each row, both on the host."""
    classes, codes = np.unique(_label_of_each(estimator, x, y), return_inverse=True)
    two_classes(classes)
    return classes, codes


def _label_of_each(estimator: BaseEstimator, x: Array, y: Any) -> NDArray[Any]:
    """Return the label of each row on the host."""
    if y is None:
        msg = f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None."
        raise ValueError(msg)
    labels: NDArray[Any] = column_or_1d(y if is_of_host(y) else to_host(y), warn=True)
    assert_all_finite(labels, input_name="y")
    check_classification_targets(labels)
    if labels.shape[0] != x.shape[0]:
        msg = f"`y` must have a label for each of the {x.shape[0]} rows of `X`, not {labels.shape[0]}."
        raise ValueError(msg)
    return labels


def more_rows(  # noqa: PLR0917  # what is given with rows
    estimator: BaseEstimator, x: Array, y: Any, sample_weight: Any, class_weight: Any, classes: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the index of the class and the weight of each row, among classes that are known."""
    codes = codes_among(classes, _label_of_each(estimator, x, y))
    return codes, sample_weights(sample_weight, codes.shape) * known_weights(class_weight, classes)[codes]


def codes_among(classes: NDArray[Any], y: NDArray[Any]) -> NDArray[np.int64]:
    """Return the index of the class of each label, among classes that are known."""
    codes: NDArray[np.int64] = np.minimum(np.searchsorted(classes, y), classes.shape[0] - 1)
    strange = classes[codes] != y
    if np.any(strange):
        msg = f"`y` must have labels among {classes}, not {y[strange].tolist()[0]!r}."
        raise ValueError(msg)
    return codes


def known_weights(class_weight: Any, classes: NDArray[Any]) -> NDArray[np.float64]:
    """Return the weight of each class where not all rows are known."""
    if isinstance(class_weight, str):
        msg = (
            f"`class_weight` must be a dict of weights for partial_fit, not {class_weight!r}: it does not see all rows."
        )
        raise ValueError(msg)  # noqa: TRY004  # of the right type, but not here
    weights: NDArray[np.float64] = compute_class_weight(class_weight, classes=classes, y=classes)
    return weights


def two_classes(classes: NDArray[Any]) -> None:
    """Check that there is something to tell apart."""
    if classes.shape[0] < 2:
        msg = f"`y` must have labels of at least 2 classes, and has one class only: {classes[0]}."
        raise ValueError(msg)


def row_weights(
    sample_weight: Any, class_weight: Any, classes: NDArray[Any], codes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the weight of each row on the host: its sample weight times the weight of its class."""
    s = sample_weights(sample_weight, codes.shape)
    total = np.bincount(codes, weights=s, minlength=classes.shape[0])
    if isinstance(class_weight, str):
        choice("class_weight", class_weight, ("balanced",))
        s = s * (np.sum(s) / (classes.shape[0] * np.where(total > 0, total, 1)))[codes]
    elif class_weight is not None:
        of_class = compute_class_weight(class_weight, classes=classes, y=classes)
        s = s * of_class[codes]
        total = total * of_class
    if not np.all(total > 0):
        bare = classes[int(np.argmin(total))]
        msg = f"`sample_weight` must leave each class some weight, and is zero for all rows of class {bare}: drop them."
        raise ValueError(msg)
    return s


def starting_point(coef: Any, intercept: Any, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the parameters of an earlier fit as those to start from."""
    theta = np.concatenate([to_host(coef), to_host(intercept)[:, None]], axis=1).astype(np.float64)
    if theta.shape != shape:
        msg = (
            f"`warm_start` must meet the classes and features of the last fit: `coef_` has the shape "
            f"{(theta.shape[0], theta.shape[1] - 1)}, and {(shape[0], shape[1] - 1)} is needed: set it to False."
        )
        raise ValueError(msg)
    return theta


def sample_weights(sample_weight: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the sample weight of each row on the host."""
    if sample_weight is None:
        return np.ones(shape)
    s = np.asarray(sample_weight if is_of_host(sample_weight) else to_host(sample_weight), dtype=np.float64)
    s = np.broadcast_to(s, shape) if s.ndim == 0 else s
    if s.shape != shape:
        msg = f"`sample_weight` must have the shape {shape} of `y`, not {s.shape}."
        raise ValueError(msg)
    if not np.all(np.isfinite(s) & (s >= 0)):
        msg = "`sample_weight` must hold finite numbers >= 0."
        raise ValueError(msg)
    return s


def classes_like(classes: NDArray[Any], x: Array) -> Any:
    """Return the classes in the library of X where they are numbers, and else on the host."""
    if is_of_host(x) or classes.dtype.kind not in "iu":
        return classes
    return from_host(classes, x, "integral")
