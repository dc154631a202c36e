"""The whole public interface, in one list."""

import importlib
import typing

from xent_arrayapi._boltzmann import Boltzmann, CanonicalEnsemble
from xent_arrayapi._categorical import Categorical
from xent_arrayapi._certificate import EntropyCertificate
from xent_arrayapi._cross_entropy import SoftmaxCrossEntropy, softmax_cross_entropy
from xent_arrayapi._entropy import cross_entropy, entropy, kl_divergence
from xent_arrayapi._jacobian import softmax_jacobian, softmax_jvp
from xent_arrayapi._partition import LogPartition
from xent_arrayapi._sigmoid import SigmoidCrossEntropy, log_sigmoid, sigmoid, sigmoid_cross_entropy
from xent_arrayapi._softmax import log_softmax, logsumexp, softmax
from xent_arrayapi._threads import threads as threads

if typing.TYPE_CHECKING:
    from xent_arrayapi._maxent import MaxEntClassifier as MaxEntClassifier

__version__ = "0.1.0"

__all__ = [
    "Boltzmann",
    "CanonicalEnsemble",
    "Categorical",
    "EntropyCertificate",
    "LogPartition",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "cross_entropy",
    "entropy",
    "kl_divergence",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "sigmoid",
    "sigmoid_cross_entropy",
    "softmax",
    "softmax_cross_entropy",
    "softmax_jacobian",
    "softmax_jvp",
]


def __getattr__(name: str) -> typing.Any:
    """Import the classifier where it is asked for: it needs scikit-learn, and nothing else does."""
    if name != "MaxEntClassifier":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    try:
        return importlib.import_module("xent_arrayapi._maxent").MaxEntClassifier
    except ModuleNotFoundError as error:
        msg = f"`MaxEntClassifier` needs {error.name}: install it with `pip install 'xent_arrayapi[sklearn]'`."
        raise ImportError(msg) from error
