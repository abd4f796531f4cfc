"""Embedded PostgreSQL and Redis, for when no server is configured.

`locations` defines the paths, `services` starts and stops the servers for a command, `daemon` is
the process that supervises them, `postgres` and `redis` define how each runs. Nothing here may
import Django.
"""
