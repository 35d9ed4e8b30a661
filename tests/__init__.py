"""The tests of forkoracle's own code; the cases that test kernels are in ``conformance``.

Several of them run at once (``pytest -n 6 --dist worksteal``), and other tests beside them. So a
test has its own home and cache (``command.py``), knows its own processes by a mark
(``processes.py``), counts only processes of a user or a namespace of its own (``sshd.py``),
listens on a port that the system picks, and waits for an event and not for a time.

=====================  =======================================================
``broken.py``          breaks one statement of the model for one test
``command.py``         runs ``forkoracle`` as a user does
``driving.py``         calls the model's functions by hand
``kern_fork_file.py``  the user's kern_fork.c, and broken copies of it
``mirror.py``          a NetBSD release, and a web server for it, with faults
``netbsd_headers.py``  compares constants with NetBSD's headers
``processes.py``       finds the processes that a test has left
``results_files.py``   makes results files to report on
``scenarios.py``       scenarios: written, chosen, and drawn by Hypothesis
``sshd.py``            a real sshd on loopback
``look.c``             an init that tells what a kernel finds on a disk
=====================  =======================================================
"""
