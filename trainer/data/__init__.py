"""What lies where the data is: tables of labels, spans, splits, bad records, and Examples."""
