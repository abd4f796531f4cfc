"""Files and requests that a hostile or unlucky visitor might send, made by rule; none is stored.

`python -m retrieval.tests.bad_inputs FOLDER` writes them out, to be tried by hand.
"""
