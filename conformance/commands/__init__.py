"""The commands of ``forkoracle``, a module for each: what it takes, and what it does."""
