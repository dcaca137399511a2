"""Where the removed weights lie, by module and layer."""
