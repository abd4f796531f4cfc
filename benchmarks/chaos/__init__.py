"""The chaos rig: it breaks a site on purpose and checks that no accepted photo is lost.

Start reading at `campaign`. To add a kind of load, write a client that records its requests in the
ledger (`visitors`); to add a fault, declare it in `faults`; to add an invariant, write its SQL in
`invariants`.
"""
