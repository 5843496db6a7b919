"""The read side: pure projectors from events to what people read and query."""
