"""Scenarios that nobody has written: drawn step by step, judged like any others."""
