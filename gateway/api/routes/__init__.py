"""One file per router, with the shapes of its requests and answers."""
