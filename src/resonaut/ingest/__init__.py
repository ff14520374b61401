"""Stage ingest: files of any format to the event store."""
