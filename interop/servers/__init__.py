"""Real servers for the interop tests, made once and kept in the user's cache folder."""
