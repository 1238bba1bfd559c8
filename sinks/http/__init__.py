"""What every HTTP sink shares: addresses it may reach, signatures, one bounded request, the meaning of an answer."""
