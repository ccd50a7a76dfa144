"""What services say to each other: events, HTTP bodies and refusals. Pydantic only."""
