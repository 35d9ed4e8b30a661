"""One run of scenarios on a target: what is repeated, minimised and written down."""
