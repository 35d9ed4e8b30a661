"""What is tried on a kernel: written families, and generated programs."""
