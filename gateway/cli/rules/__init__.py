"""The sub-commands of `fieldgate rules`, one file each."""
