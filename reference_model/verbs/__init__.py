"""What each verb of the language does in the model: one function a verb, in groups.

A verb of the language that has no function here fails at import, by name.
"""

from importlib import import_module

from reference_model.language.verbs import GROUPS, VERBS
from reference_model.verbs.call import CALLS, check

for _group in GROUPS:
    import_module(f"{__name__}.{_group.name}")
check(VERBS, CALLS)

__all__ = ["CALLS"]
