"""Stage generate: generators and their evaluation."""
