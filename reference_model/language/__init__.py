"""The language of scenarios: steps, their verbs, and the words of an observation.

It knows no kernel but the names of NetBSD's constants, and imports nothing of forkoracle.
"""
