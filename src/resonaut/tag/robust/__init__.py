"""Training that makes a tagger robust against variations of its inputs, or against a variable."""
