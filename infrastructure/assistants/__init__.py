"""Assistants: adapters of the port in `domain/assistant.py`, and the personas they speak as."""
