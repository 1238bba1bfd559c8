"""From a batch of readings to the values of every thing at every moment of it."""
