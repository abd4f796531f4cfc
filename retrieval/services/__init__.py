"""Use cases that change the database."""
