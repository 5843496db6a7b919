"""What a conversation is. No I/O, no clock, no chance: time and ids come in as data."""
