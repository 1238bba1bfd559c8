"""OPC UA: see README.md."""
