"""Messages that platforms and devices push by HTTP."""
