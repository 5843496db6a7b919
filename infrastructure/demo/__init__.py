"""A history that might have been: believable conversations with past timestamps, made from a seed.

    story.py        all of them: who comes when, one conversation after another
    ├── calendar.py   when: office hours, weekends, growth
    ├── visitors.py   who: names, addresses, what they ask and how they put it
    └── visit.py      one conversation, decision by decision

All chance comes from the seed, ids too, and no clock is read: the same seed makes the same history. Every
event is a decision of `domain.session` or `domain.deadlines`, and every answer is the guide's own.
"""
