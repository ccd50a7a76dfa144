"""Sessions in MongoDB: the only package of this service that imports the driver."""
