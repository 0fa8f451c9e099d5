"""What is kept outside the process: events, catalogue, shoppers and histories in SQL, and bundles in folders."""
