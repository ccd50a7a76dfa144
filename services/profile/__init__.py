"""People and organizations, and the notices that people get.

Owns the records that an organization keeps of its people, and the mails about changes to their
accounts. Publishes nothing yet; consumes `credential-change` and `signed-out-everywhere`.
"""
