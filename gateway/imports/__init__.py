"""History from files: a map says what the columns are, rows become readings, readings go through intake like any other.

`mapping` reads the map, `lines` and `table` the file, `series` turns cells into columns; `desk` side: `service` takes
chunks inside the gateway, `target` reaches it over HTTP or in this process.
"""
