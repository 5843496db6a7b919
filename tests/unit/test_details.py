"""Names, addresses and numbers are picked out of what visitors write, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.assistants import details

ANYTHING = st.text(st.characters(), max_size=300) | st.text("aA .,@'-+0123\n", max_size=300)
"""Any unicode, with lone surrogates; and what comes near to being a detail."""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My name is Sam Smith", "Sam Smith"),
        ("my name is sam smith and i want a quote", "Sam Smith"),
        ("MY NAME IS SAM SMITH", "Sam Smith"),
        ("hello there, my name's mary-ann", "Mary-Ann"),
        ("Name: jane o'neill", "Jane O'Neill"),
        ("I drive a ute (full name: Jane Lee)", "Jane Lee"),
        ("the name's Jo Page", "Jo Page"),
        ("this is Jane from accounts", "Jane"),
        ("Hi, this is Jane Lee speaking", "Jane Lee"),
        ("call me Sam", "Sam"),
        ("you can call me sam", "Sam"),
        ("My name is Will and I drive a ute", "Will"),
        ("My name is José García", "José García"),
        ("My name is 李小龙", "李小龙"),
        ("My name is Mohammed bin Salman", "Mohammed bin Salman"),
        ("my name is mr smith", "Mr Smith"),
    ],
)
def test_whoever_introduces_themselves_has_a_name(text: str, name: str) -> None:
    assert details.find(text).values == {"name": name}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("I'm Sam, what happens if I change jobs?", "Sam"),
        ("i’m Zoë", "Zoë"),
        ("hi im sam", "Sam"),
        ("This is Jane", "Jane"),
        ("I'm Dr. Jane van der Berg", "Jane van der Berg"),
        ("I'm John Smith I want a quote", "John Smith"),
        ("I'm Jo Page", "Jo Page"),
    ],
)
def test_who_somebody_is_names_them_only_beside_another_sign_that_they_introduce_themselves(
    text: str, name: str
) -> None:
    # Given nothing else, it may be anything: "I'm Muslim"
    assert details.find(text).values == {}

    # Then it is a name if they want to be in touch, or say how
    assert details.find(text, introduces=True).values == {"name": name}
    assert details.find(f"{text}, sam@example.com").values == {"name": name, "email": "sam@example.com"}
    assert details.find(f"{text}, don't email me at sam@example.com").values == {}


@pytest.mark.parametrize(
    "text",
    [
        "my dog's name is Rex",
        "my wife's name is Sarah",
        "her name is Sarah",
        "the company name is Acme Pty Ltd",
        "Company name: Acme",
        "I'm Sarah's husband",
        "don't call me Shirley",
        "my boss's email is boss@example.com",
        "my wife’s mobile number is 0412 345 678",
        "Her number: 0412 345 678",
    ],
)
def test_what_is_somebody_elses_never_counts(text: str) -> None:
    assert details.find(text, introduces=True).values == {}
    assert details.find(text, asked=True).values == {}


@pytest.mark.parametrize(
    "text",
    ["I'm Muslim", "I'm Gay", "I'm Vegan, can I still lease?", "I'm Toyota fan", "I'm Melbourne based"],
)
def test_what_somebody_is_stays_off_the_record(text: str) -> None:
    assert details.find(text).values == {}


@pytest.mark.parametrize(
    "text",
    [
        "I'm interested",
        "I'M INTERESTED IN A QUOTE",
        "I'm a nurse",
        "i'm casual",
        "I am Pregnant",
        "I'm Australian",
        "im leaving my job",
        "hi im looking for a car",
        "hi, i'm self-employed",
        "this is great",
        "This is Great news",
        "call me tomorrow",
        "Call me ASAP",
        "call me back on Monday",
        "call me when you can",
        "my name is not important",
        "what is the name of the lease",
        "whose name is the car in",
        "I'm on 95000 a year",
    ],
)
def test_whoever_says_something_else_of_themselves_has_none(text: str) -> None:
    assert details.find(text).values == {}


@pytest.mark.parametrize(
    ("text", "email"),
    [
        ("sam.smith@gmail.com.", "sam.smith@gmail.com"),
        ("it's <Sam@EXAMPLE.com>, thanks", "Sam@example.com"),
        ("email:o'neill+cars@mail.example.org!", "o'neill+cars@mail.example.org"),
        ("not sam@x, but sam@x.com.au", "sam@x.com.au"),
        ("my email is a@b.co, no sorry it is c@d.co", "c@d.co"),
        ("it's c@d.co, not a@b.co", "c@d.co"),
        ("my preferred email's a@b.co", "a@b.co"),
        ("please don't use a@b.co but c@d.co", "c@d.co"),
    ],
)
def test_an_email_address_is_found_where_it_is_valid(text: str, email: str) -> None:
    assert details.find(text).values["email"] == email


@pytest.mark.parametrize(
    "text", ["sam@gmail", "@sam", "sam@", "a@b@c", "sam@-x-.com", "sam at gmail dot com"]
)
def test_what_is_no_valid_address_is_none(text: str) -> None:
    assert details.find(text).values == {}


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("0412 345 678", "+61412345678"),
        ("ring me on (02) 9876-5432 after five", "+61298765432"),
        ("+44 20 7946 0018", "+442079460018"),
        ("my best contact number is: 0412 345 678", "+61412345678"),
        ("My telephone number 0412 345 678", "+61412345678"),
        ("please ring about my lease: 0412 345 678", "+61412345678"),
        ("I want to talk about my rego. The number is 0412 345 678", "+61412345678"),
    ],
)
def test_a_phone_number_is_found_and_kept_as_e164(text: str, phone: str) -> None:
    assert details.find(text).values == {"phone": phone}


@pytest.mark.parametrize(
    "text",
    [
        "I earn 95000 and drive 15,000 km",
        "12345678901234567890",
        "28.13 per cent",
        "My licence number is 0298765432",
        "my rego is 0412345678",
        "my driver's licence number 0298765432",
    ],
)
def test_other_numbers_are_no_phone_numbers(text: str) -> None:
    assert details.find(text).values == {}


@pytest.mark.parametrize(
    "text",
    [
        "Do not call me on 0412 345 678",
        "don't email me at bob@example.com",
        "please don’t call or email me: bob@example.com, 0412 345 678",
        "My number is 0412 345 678. Never ring me!",
        "I do not want to be contacted at bob@example.com",
        "stop texting me on 0412 345 678",
        "no calls to 0412 345 678 please",
    ],
)
def test_a_contact_that_is_refused_is_none(text: str) -> None:
    assert details.find(text).values == {}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("don't call, email me at bob@example.com", {"email": "bob@example.com"}),
        ("Don't email me, my number is 0412 345 678", {"phone": "+61412345678"}),
        ("No, call me on 0412 345 678", {"phone": "+61412345678"}),
        ("don't hesitate to call me on 0412 345 678", {"phone": "+61412345678"}),
        ("I don't have an email address so call me on 0412 345 678", {"phone": "+61412345678"}),
    ],
)
def test_refusing_one_way_leaves_the_other(text: str, values: dict[str, str]) -> None:
    assert details.find(text).values == values


def test_all_details_are_found_at_once_and_what_else_is_said_is_left() -> None:
    # Given a message that gives everything and asks something
    text = "I'm Sam Smith, sam@example.com, 0412 345 678. Is there a credit check?"

    # When it is searched
    found = details.find(text)

    # Then everything is found, and the question stays
    assert found.values == {"name": "Sam Smith", "email": "sam@example.com", "phone": "+61412345678"}
    assert found.rest.endswith("Is there a credit check?")
    assert "am" not in found.rest


@pytest.mark.parametrize(
    ("text", "name"), [("its sam", "Sam"), ("im sam smith", "Sam Smith"), ("name sam", "Sam")]
)
def test_whoever_was_asked_gives_a_name_in_fewer_words(text: str, name: str) -> None:
    assert details.find(text).values == {}
    assert details.find(text, asked=True).values == {"name": name}


@pytest.mark.parametrize("text", ["im busy", "im driving", "its complicated", "i am not sure", "it's fine"])
def test_even_whoever_was_asked_may_say_something_else(text: str) -> None:
    assert details.find(text, asked=True).values == {}


@pytest.mark.parametrize("text", ["it's expensive", "I'm eligible", "its a hybrid"])
def test_a_word_that_is_known_for_something_else_is_no_name(text: str) -> None:
    assert details.find(text, asked=True, known={"expensive", "eligible", "hybrid"}).values == {}


@pytest.mark.parametrize(
    ("text", "names"),
    [("green", []), ("Green car", []), ("sam green", ["Sam Green"]), ("Bill", ["Bill"]), ("bill", [])],
)
def test_nor_does_a_name_that_stands_alone_begin_with_one(text: str, names: list[str]) -> None:
    assert list(details.bare_names(text, {"green", "bill"})) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Sam", ["Sam"]),
        ("sam smith", ["Sam Smith"]),
        ("Sam Smith and my email is , ", ["Sam Smith"]),
        ("J. R. Tolkien", ["J. R. Tolkien"]),
        ("o'brien", ["O'Brien"]),
        ("ok cool", []),
        ("no thanks", []),
        ("too expensive", []),
        ("sam smith lives next door", []),
        ("12", []),
        ("...", []),
    ],
)
def test_up_to_three_words_that_stand_alone_may_be_a_name(text: str, names: list[str]) -> None:
    assert list(details.bare_names(text)) == names


@given(ANYTHING, st.booleans(), st.booleans())
def test_no_text_breaks_it_and_no_detail_is_made_up(text: str, asked: bool, introduces: bool) -> None:
    values = details.find(text, asked=asked, introduces=introduces).values

    assert values.keys() <= details.KEYS
    assert all(values.values())
    if "name" in values:
        letters = text.casefold()
        assert all(word.casefold().strip(".") in letters for word in values["name"].split())
    if "phone" in values:
        assert values["phone"].startswith("+")


@given(ANYTHING)
def test_bare_names_are_short_and_full_of_letters(text: str) -> None:
    for name in details.bare_names(text):
        assert len(name.split()) <= 3
        assert any(map(str.isalpha, name))
        assert details.first_name(name)
