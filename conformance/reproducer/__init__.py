"""Compiles reproducers for a kernel, and describes how they ended."""
