"""Django's backend for PostgreSQL, which gives up on a server that hangs: the web process's own.

A server that hangs keeps its connections open and answers nothing; its own time limits do not hold.
"""
