"""`fieldgate probe` and `fieldgate plan`: what is out there, as files of a project. Pure but for what adapters read."""
