"""Explains differences: by the change of fork1 under which the model sees what was observed."""
