"""What the storefront speaks to: HTTP in, HTTP out. Reads no environment and never trains."""
