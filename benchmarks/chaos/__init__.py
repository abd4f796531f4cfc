"""The chaos rig: a site of its own is broken on purpose, and nothing accepted may be lost.

`campaign` puts it all together. To add a kind of load, write a client that keeps the ledger
(`visitors`); to add a fault, declare it in `faults`; to add a promise, write its SQL in
`invariants`.
"""
