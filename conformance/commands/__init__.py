"""The commands of ``forkoracle``: each module has the options and the code of one."""
