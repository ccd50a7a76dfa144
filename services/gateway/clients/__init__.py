"""The services as the gateway calls them."""
