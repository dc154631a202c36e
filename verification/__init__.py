"""Proves that the code of `xent_arrayapi` computes what its documentation says, and bounds its rounding errors."""
