"""What a shift has made: numbers, a page and lines from the journal, and the trace of one part."""
