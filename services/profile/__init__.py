"""People and organizations, notices, terms of use, and the audit trail.

Owns the records that an organization keeps of its people, the mails about changes to their
accounts, who is a guest of which organization, the terms that they accept, and what is kept of what
was done. Publishes `audited`, `membership-changed`, `terms-accepted`, `account-purged` and
`account-erased`; consumes the last two, `credential-change`, `account-disabled`, `account-enabled`,
`device-disabled`, `help-asked`, `new-devices`, `sign-in-locked`, `signed-out-everywhere` and
`audited`.
"""
