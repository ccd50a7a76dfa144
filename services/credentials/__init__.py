"""Passwords: set, verified, changed, and guarded against guessing.

Owns every account's sign-in name and password verifier. Publishes `credential-change` and
consumes nothing yet.
"""
