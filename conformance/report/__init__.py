"""Prints and writes the results of a run: terminal, JUnit, problem reports."""
