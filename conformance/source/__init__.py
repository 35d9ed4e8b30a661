"""A run of cases on a kern_fork.c file: compiled by the host's compiler, and called.

``c/`` is the C side; its ``.def`` files are the tables that C and Python share.  ``world.py``,
``callees.py`` and ``model.py`` are the model's side, ``compare.py`` and ``assign.py`` what differs
and why, ``run.py`` the run.
"""
