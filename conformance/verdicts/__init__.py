"""Judges what was observed: model against kernel, and a clause for each difference."""
