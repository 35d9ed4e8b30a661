"""The target ``source``: a kern_fork.c file, compiled by the host's compiler and called.

``netbsd.h`` declares what the file uses, ``callees.c`` are stand-ins for what it calls,
``world.c`` has the objects around a call, ``harness.c`` runs cases; the ``.def`` files say
what a case, a record and a call are made of, to C and to Python alike.
"""
