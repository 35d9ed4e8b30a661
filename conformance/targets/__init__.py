"""Targets: kernels that run scenarios and say what was seen."""
