"""PostgreSQL and TimescaleDB: a store of readings on a server."""
