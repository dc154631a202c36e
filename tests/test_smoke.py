import numpy as np
import xent_arrayapi as xent
from tests.conftest import close

def test_smoke(be):
    u = be.array([[0.0,1,2],[3,4,5]])
    t = be.array([0,2])
    v, g = be.run(lambda u,t: xent.SoftmaxCrossEntropy(t).value_and_grad(u), u, t)
    close(be.numpy(v), 1.407605964, rtol=1e-6)
    close(be.numpy(be.run(lambda u: xent.softmax(u,axis=0), u)).sum(0), np.ones(3), rtol=1e-6)
    close(be.numpy(be.run(lambda u: xent.SoftmaxCrossEntropy(t, class_weights=be.array([1,2,3.]),label_smoothing=.1,where=be.array([True,True,True])).hvp(u,u), u)).sum(-1), np.zeros(2), rtol=1e-6,atol=1e-6)
