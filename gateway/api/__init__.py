"""HTTP: REST, callbacks of OA systems, health, metrics."""
