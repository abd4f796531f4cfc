"""The corpus of bad inputs: generated files and requests that a visitor might send.

`python -m retrieval.tests.bad_inputs FOLDER` writes the files to a folder.
"""
