"""Synthesised ambient recordings, for an installation without a library.

Eight stereo ambiences of 24 s that loop without a seam. `loop` has periodic noise and filters,
`events` places single sounds, `water`, `weather`, `animals` and `fire` compose the ambiences,
`mastering` equalises their loudness, `catalogue` lists them.
"""
