"""The probe: the C program that runs scenarios inside a kernel, and the way to talk to it."""
