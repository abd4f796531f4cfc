"""The fault rig: inject faults into a separate site under load and check that no photo is lost.

`campaign` runs everything. To add a kind of load, write a client that records its requests in the
ledger (`visitors`, `senders`); to add a fault, declare it in `faults`; to add an invariant, write
its SQL in `invariants`.
"""
