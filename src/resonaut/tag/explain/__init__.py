"""What a tagger looks at."""
