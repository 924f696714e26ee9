"""Random nights: a catalog that changes, what happens to it, and what must be true after each night."""
