"""Checks kernels against the reference model: families, targets, verdicts, reports."""
