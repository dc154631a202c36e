"""The whole public interface, in one list."""

from xent_arrayapi._categorical import Categorical
from xent_arrayapi._cross_entropy import SoftmaxCrossEntropy, softmax_cross_entropy
from xent_arrayapi._entropy import cross_entropy, entropy, kl_divergence
from xent_arrayapi._partition import LogPartition
from xent_arrayapi._sigmoid import SigmoidCrossEntropy, log_sigmoid, sigmoid, sigmoid_cross_entropy
from xent_arrayapi._softmax import log_softmax, logsumexp, softmax, softmax_jacobian, softmax_jvp

__version__ = "0.1.0"

__all__ = [
    "Categorical",
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
