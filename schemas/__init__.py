"""One CREATE TABLE per file, and the expectations of a table beside it."""
