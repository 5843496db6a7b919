"""What several test modules need, and nothing that is tested."""
