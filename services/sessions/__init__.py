"""Sessions, devices, epochs and receipts: what is accepted, and that it ends.

Owns the sessions and devices of every user, works off revocations, and keeps their receipts.
Publishes `signed-out-everywhere`, `session-revoked`, `device-disabled`, `new-devices`,
`account-erased` and `audited`; consumes `credential-change`, `account-disabled`,
`account-purged` and `signed-out-everywhere`.
"""
