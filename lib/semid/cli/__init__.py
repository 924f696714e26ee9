"""The `semid` command and the life cycle that every job shares."""
