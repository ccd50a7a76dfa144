"""In place of greenlet, which only the tests' browser needs and structlog loads: 1 MiB."""

raise ImportError("It is not there where the services are deployed.")
