"""What `fieldgate readings` and `fieldgate meter` share."""
