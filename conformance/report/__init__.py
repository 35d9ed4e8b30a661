"""What people and their tools read: the terminal, JSON and JUnit."""
