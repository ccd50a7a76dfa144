"""Passwords and second factors: set up, verified, changed, and guarded against guessing.

Owns every account's sign-in name, password verifier and methods, and sends the codes of those
that have any sent. Publishes `credential-change` and consumes nothing yet.
"""
