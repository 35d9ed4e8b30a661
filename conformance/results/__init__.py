"""The results of a run, as values: a verdict on each scenario, their counts, and their JSON."""
