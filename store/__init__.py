"""What is kept outside the process: SQL, histories, bundle files."""
