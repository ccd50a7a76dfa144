"""What all tests share: the servers they run against, and what is written when something fails."""

import structlog

pytest_plugins = ["tests.servers"]

# With a library that only tests bring, structlog would print every variable of every frame beside
# an error, which takes seconds each time. Services write what `shared.telemetry` says.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)
