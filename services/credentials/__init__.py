"""Passwords and second factors: set up, verified, changed, and guarded against guessing.

Owns every account's sign-in name, password verifier and methods, and whether it lets anybody in,
and sends the codes of those methods that have any sent. Publishes `credential-change`,
`account-disabled`, `account-enabled`, `account-erased` and `audited`, and consumes
`account-purged`.
"""
