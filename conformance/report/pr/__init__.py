"""What one sends to NetBSD about a difference, and a page to look at."""
