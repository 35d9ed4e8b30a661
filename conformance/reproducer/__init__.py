"""Compiles the C program of a report so that a kernel runs it, and says how it ended."""
