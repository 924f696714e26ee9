"""What an item says: rendering, cleaning, hashing and embedding its content."""
