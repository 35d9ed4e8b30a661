"""Who is right, model or kernel, and which clause a difference is assigned to."""
