"""History from files: a map describes the columns, rows become readings, readings go through intake like all others.

`mapping` reads the map; `text_lines` and `import_file` read the file; `cell` and `csv_reader` turn cells into columns;
`job` runs an import; `target` sends it over HTTP or to this process.
"""
