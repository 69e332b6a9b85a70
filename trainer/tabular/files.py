"""Which files hold rows, by the ends of their names. Imports nothing, for the cache check looks here."""

CSV, PARQUET, TFRECORD = (".csv",), (".parquet",), (".tfrecord", ".tfrecords")
SUFFIXES = (*CSV, *PARQUET, *TFRECORD)
