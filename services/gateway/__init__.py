"""The one door: the JSON API and the portal's pages, over the same flows.

Owns nothing but half-done flows and answers kept for repeated requests, both in Redis and both
expendable. Hears `session-revoked`, so that open pages learn of it at once.
"""
