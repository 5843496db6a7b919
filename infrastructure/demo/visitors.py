"""Who comes, and what they say."""

from random import Random
from uuid import UUID

from msgspec import Struct

from domain.knowledge import Knowledge

FIRST_NAMES = """
    Olivia Noah Charlotte Jack Isla Thomas Mia Liam Priya Arjun Mei Wei Sofia Luca Fatima Omar Hannah James
    Chloe Ethan Zoe Daniel Aroha Kiri
""".split()  # noqa: SIM905 - one a line would be a page
LAST_NAMES = """
    Smith Nguyen Jones Singh Williams Patel Brown Wilson Taylor Chen Kelly Martin Anderson Rossi Papadopoulos
    Haddad Murphy Campbell Kaur Tran Walker
""".split()  # noqa: SIM905
GREETINGS = ("Hi", "Hello there", "G'day!", "hey", "Good morning")
OFF_TOPIC = (
    "what's the weather like in Melbourne today?",
    "do you offer pet insurance",
    "can you recommend a dentist in brisbane",
    "what's the exchange rate for the euro",
    "do you have any job vacancies",
    "who won the footy last night",
    "can i get a loan to start a cafe",
    "how do I renew my passport",
)
QUOTES = ("I'd like a quote please", "Can I get a quote?", "could someone call me back with a quote")
THANKS = ("Thanks!", "thank you", "Great, thanks")
GOODBYES = ("No, that's all. Bye!", "no thanks, bye", "Nope, goodbye")
DECLINES = ("no thanks", "not now", "I'd rather not")
COMES_BACK = ("Sorry, got distracted. ", "yes, still here! ", "Yes, sorry, phone call. ")
PRAISE = ("", "", "", "Clear, thanks", "Exactly what I needed")
BLAME = ("", "", "Not what I asked", "Too long", "That didn't help")
PAGES = ("/", "/novated-leases", "/novated-leases/electric-cars", "/calculator", "/contact")


class Visitor(Struct, frozen=True):
    """Somebody, who may come again."""

    visitor_id: UUID
    name: str
    email: str
    phone: str


def new_id(random: Random) -> UUID:
    """An id that a seed decides."""
    return UUID(int=random.getrandbits(128), version=4)


def newcomer(random: Random) -> Visitor:
    """Somebody who hasn't been there before."""
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    email = f"{first}.{last}{random.randrange(1, 100)}@example.com".lower()
    return Visitor(new_id(random), f"{first} {last}", email, f"0412 {random.randrange(100, 999)} 678")


def introduction(random: Random, visitor: Visitor) -> str:
    """How a visitor gives details when asked for them; not always all of them."""
    forms = (
        f"I'm {visitor.name}, my email is {visitor.email}",
        f"Sure, my name is {visitor.name} and my email is {visitor.email}, phone {visitor.phone}",
        f"my email is {visitor.email}",
        f"{visitor.name}, {visitor.email}",
    )
    return random.choice(forms)


def question(random: Random, knowledge: Knowledge) -> str:
    """Something that the guide knows, in one of the ways to ask for it: some things are asked more often."""
    weights = [1 / (rank + 3) for rank in range(len(knowledge.entries))]
    (entry,) = random.choices(knowledge.entries, weights)
    text = random.choice((entry.question, entry.question, *entry.also))
    return text.lower().rstrip("?") if random.random() < 0.2 else text
