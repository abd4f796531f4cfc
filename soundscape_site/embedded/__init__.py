"""PostgreSQL and Redis of the program's own, for when no server of either is configured.

`locations` says where things lie, `services` starts and stops them for a command, `daemon` is the
process that keeps them; `postgres` and `redis` know their programs. No Django in here.
"""
