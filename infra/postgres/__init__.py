"""The roles of the two services in PostgreSQL."""
