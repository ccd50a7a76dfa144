"""The whole stack on one machine without Docker: real servers, four services, one supervisor.

`python -m deploy.local up` starts it, `down` ends it; everything it writes is under `.local/`.
"""
