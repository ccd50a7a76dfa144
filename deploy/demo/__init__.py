"""The demonstration organization: people to try the product with, never in a real one."""
