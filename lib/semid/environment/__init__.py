"""What a machine needs before a job can start: Java and the Delta jars."""
