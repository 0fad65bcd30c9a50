"""The commands, each imported when it runs; `command_table` lists them."""
