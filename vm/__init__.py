"""Virtual machines: a kernel file becomes a running guest with two-way messages.

Knows QEMU, disks and consoles; knows nothing of scenarios or of the model.
"""
