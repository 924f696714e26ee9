"""The report: facts of releases in, HTML pages out. Pure: no Spark, no files, no clock."""
