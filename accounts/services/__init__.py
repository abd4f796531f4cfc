"""Services: write, each in one transaction."""
