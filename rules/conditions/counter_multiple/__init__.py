"""`every`: a counter reaches multiples of a step, or a term ends."""
