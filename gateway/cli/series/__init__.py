"""`fieldgate series …`: one file per command."""
