"""Delta tables: contract, reading and writing, publishing, run bookkeeping. No torch."""
