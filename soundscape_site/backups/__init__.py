"""Backups: the rows of one instant and every file that they name; and the way back.

Rows go through COPY, the database's own stream of a table, and tables come from our migrations: so
a backup needs no program of the server's exact version, neither in a container nor beside a server
of your own. A file's name is its content, so what is copied after the rows were read is still what
they meant.
"""
