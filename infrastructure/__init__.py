"""The driven side: every adapter, and nothing that decides."""
