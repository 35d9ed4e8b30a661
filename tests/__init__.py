"""The tests of forkoracle's own code; the cases that test kernels are in ``conformance``."""
