"""The routers, one per file, with the models of their requests and answers."""
