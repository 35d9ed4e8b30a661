"""What a run came to, as values: a verdict on each scenario, their counts, and their JSON."""
