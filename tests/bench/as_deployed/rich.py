"""In place of rich, which only developers have and structlog loads where it is: 2 MiB."""

raise ImportError("It is not there where the services are deployed.")
