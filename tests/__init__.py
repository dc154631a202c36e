"""The tests of xent_arrayapi: one suite, run over backends."""
