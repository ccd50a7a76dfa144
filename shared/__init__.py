"""What every service needs once: the bus, the outbox, the epochs, the way a service runs."""
