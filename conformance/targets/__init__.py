"""Targets: kernels that run scenarios and return their observations."""
