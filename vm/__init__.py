"""Virtual machines: a kernel file becomes a running guest that one can talk to.

Knows QEMU, disks and consoles; knows nothing of scenarios or of the model.
"""
