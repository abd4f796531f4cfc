"""Save the database and every file that it names, and restore both.

Rows are copied by COPY and tables are created by our migrations, so no server program of a matching
version is needed. A stored file is named by its content's hash and never changes, so files can be
copied after the rows.
"""
