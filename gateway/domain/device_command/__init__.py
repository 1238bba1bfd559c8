"""Commands to devices: what a profile allows, the life of one command, its exchange with a device. Pure."""
