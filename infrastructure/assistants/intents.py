"""Recognises what a message is for, where it is for more than to ask something.

Small talk is recognised only where nothing else is said: "bye" is a goodbye, "what if I say bye to my
employer" isn't. The wish for a quote, or to be called, is recognised within a sentence.
"""

import re
from collections.abc import Collection
from typing import Literal

from infrastructure.assistants.chatter import plain_words

Kind = Literal["greeting", "thanks", "goodbye", "yes", "no", "about"]

_SMALL_TALK: dict[Kind | Literal["filler"], str] = {
    "greeting": """
        hi | hii | hiya | hey | heya | hello | helo | howdy | yo | g day | gday | good day
        greetings | sup | good morning | good afternoon | good evening | morning | afternoon
        evening | arvo | how are you | how are you going | how are you doing | hows it going
        how r u | how are ya | whats up | anyone there | is anyone there | are you there
        nice to meet you | i have a question | can i ask a question | can i ask you something
        can i ask something | quick question | just looking
    """,
    "thanks": """
        thanks | thank you | thankyou | thank u | thanx | thx | ty | tysm | ta | cheers
        much appreciated | appreciate it | i appreciate it | legend | youre a legend | you legend
        great | awesome | perfect | excellent | brilliant | fantastic | wonderful | lovely | amazing
        cool | nice | nice one | good | sweet | good to know | got it | gotcha | i see | ah i see
        i understand | understood | makes sense | that makes sense | that helps | that helped
        very helpful | really helpful | helpful | no worries | thats all good | good stuff
        great stuff | interesting | fair enough | ok | okay | k | kk | right | alright | lol | haha
        wow | good job | well done | that answers it | that answers my question
    """,
    "goodbye": """
        bye | byebye | bye bye | buh bye | bye now | goodbye | good bye | cya | see ya | see you
        see u | see you later | see ya later | see you soon | later | laters | ciao | cheerio
        hooroo | farewell | adios | catch ya | catch you later | catch ya later | talk later
        talk soon | speak soon | ttyl | take care | good night | goodnight | have a good one
        have a good day | have a nice day | have a great day | have a good night
        have a good weekend | have a great weekend | enjoy your day | thats all | thats all from me
        thats all i needed | thats all i wanted to know | thats all i need | thats everything
        thats it | thatll be all | that will be all | that is all | nothing else | nothing more
        no more questions | i have no more questions | no further questions | no other questions
        im done | i am done | all done | were done | im finished | ive got to go | i have to go
        gotta go | i gotta go | i need to go | im off | im leaving now | end chat | end the chat
        close chat | close the chat | end session | end the session | quit | exit
    """,
    "yes": """
        yes | yes please | yea | yeah | yeh | yep | yup | ya | sure | sure thing | of course
        please | please do | go ahead | go on | absolutely | definitely | certainly | lets do it
        lets do that | lets go | sounds good | that sounds good | that would be great
        that would be good | thatd be great | id like that | i would | i do | why not | yes i would
        yes i do | ok then
    """,
    "no": """
        no | nope | nah | nah mate | no thanks | no thank you | no ta | nah thanks | not now
        not right now | not today | not yet | not really | not at the moment | not at this stage
        not interested | im not interested | maybe later | another time | some other time
        later maybe | id rather not | i would rather not | rather not | im good | im ok | im fine
        all good | its ok | its fine | thats ok | thats fine | no need | never mind | nevermind
        nvm | forget it | forget that | dont worry | dont worry about it | dont bother
        i changed my mind | ive changed my mind | i dont want to | i dont want one
        i dont want a quote | i dont need a quote | i dont need one | no quote | skip | skip it
        cancel | cancel that | stop | stop it | stop asking | leave it | im just looking
        just browsing
    """,
    "about": """
        who are you | who is this | what are you | whats your name | what is your name
        what can you do | what do you do | what can you help with | what can you help me with
        how can you help | how can you help me | what can i ask | what can i ask you
        what do you know | what is this | whats this | are you a bot | are you a robot
        are you an ai | are you ai | are you human | are you a human | are you real
        are you a real person | are you a person | is this a bot | is this a robot
        am i talking to a bot | am i talking to a robot | am i talking to a human
        am i talking to a person | am i talking to a real person | is this a real person
        are you chatgpt | help | help me | i need help | can you help | can you help me
        please help
    """,
    "filler": """
        there | mate | mates | again | all | everyone | everybody | team | guys | folks | sir | maam
        bud | buddy | and | but | so | well | then | now | for now | today | oh | ah | um | hmm
        very | very much | so much | a lot | lots | heaps | a bunch | a million | really | thats
        that was | that is | its | it is | it was | for that | for this | for your help
        for the help | for helping | for your time | for the info | for the information
        for everything | for all your help | for explaining | for the chat | a few | youve been
        you have been | very helpful | super helpful | a big help | great help | the | ai | bot | x
        xx
    """,
}
"""What is said without asking anything. A filler alone says nothing, but goes along with the rest."""


def _phrases(text: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in re.split(r"\||\n", text) if phrase.strip()]


_KIND_OF: dict[str, Kind | Literal["filler"]] = {
    phrase: kind for kind, text in reversed(_SMALL_TALK.items()) for phrase in _phrases(text)
}
# The longest first, so that "see you later" isn't left at "see you".
_PHRASE = re.compile(rf"(?:{'|'.join(sorted(_KIND_OF, key=len, reverse=True))})(?: |$)")

_QUOTE = re.compile(
    r"""
      ^(?:(?:a|my|free|instant)\ )*(?:quotes?|quotation)(?:\ please|\ pls|\ pretty\ please)?$
    | \b(?:get|getting|want|wanted|need|like|love|give|gimme|send|email|provide|request|after|arrange
         |organi[sz]e|prepare|do|make|interested\ in|ask\ for|(?:can|could|may)\ (?:i|we)\ (?:please\ )?have)
      (?:\ \w+){0,4}\ (?:quotes?|quotation)\b
    | \bquote\ me\b
    | \b(?:how\ much|what)\ (?:would|will|might|could|does|do|is)\b(?:\ \w+){0,5}\ cost\ (?:me|us)
      (?:$|\ (?:for|per|a|each|every|weekly|monthly|in\ total|all\ up|please|to\ (?:lease|get|buy|drive))\b)
    | \bhow\ much\ (?:would|will|do|could)\ i\ (?:pay|be\ paying)\b(?:\ \w+){0,4}
      \ (?:pay|week|weekly|fortnight|fortnightly|month|monthly)$
    | \bwhat\ (?:would|will)\ (?:my|the)\ (?:re)?payments?\ be\b
    | \b(?:calculate|estimate|work\ out)\ (?:my|the)\ (?:\w+\ )?(?:re)?payments?\b
    | \b(?:call|ring|phone|contact|email|text)\ me\b | \bcall\ ?back\b | \bget\ in\ touch\ with\ me\b
    | \bgive\ (?:me|us)\ a\ (?:call|ring|bell|buzz)\b | \bsomeone\ (?:to\ |please\ )?(?:call|ring|contact)\b
    | \b(?:talk|speak|chat)\ (?:to|with)\ (?:(?!my\b)\w+\ ){0,2}(?:someone|somebody|anyone|person|people
         |human|consultant|agent|expert|specialist|rep|representative|adviser|advisor|staff|team|salesperson)\b
    | \bsign\ me\ up\b | \b(?:want|like|ready|love)\ to\ (?:sign\ up|go\ ahead|proceed|get\ started|apply)\b
    | ^im\ (?:very\ |really\ |definitely\ )?(?:interested|keen)$ | ^lets\ (?:do\ it|go\ ahead|get\ started)$
    """,
    re.VERBOSE,
)
_NO_WISH = re.compile(
    r"""
      ^(?:what|whats|which|is|are|does|do\ quotes|how\ (?:accurate|long|binding|detailed))\b.*\bquot
    | ^(?:should|who|why|do\ (?:i|we)\ (?:have|need))\b
    | \b(?:dont|do\ not|didnt|never|stop|not|no\ need|wont|without|will\ they|do\ they)\b
      .*\b(?:quot|call|ring|phone|contact|email|text)
    """,
    re.VERBOSE,
)
_REFUSAL = re.compile(
    r"""
      \b(?:no\ thanks|no\ thank\ you|not\ now|not\ yet|not\ today|maybe\ later|another\ time|not\ interested
         |never\ ?mind|nvm|forget\ (?:it|that|about)|no\ need|changed\ my\ mind|none\ of\ your\ business)\b
    | \b(?:dont|do\ not|wont|not|never|rather)\b(?:\ \w+){0,6}
      \ (?:give|giving|share|sharing|provide|hand|say|tell\ you|name|emails?|phone|number|details|info
         |information|quotes?|call|contact|consultant)\b
    """,
    re.VERBOSE,
)
_TO_REACH = r"(?:call|ring|phone|text|sms|message|(?:e\ ?)?mail|contact)(?:s|ed|ing)?"
_NO_CONTACT = re.compile(
    rf"""
    (?: (?<!why\ )\b(?:dont|do\ not|didnt|never|not|wont|no\ need)
          (?:\ (?:want|wish|like|dare|try|consent|agree|you|anyone|anybody|them|to|be|being|ever|please
             |the|by|any|more))*
      | \b(?:no|stop)(?:\ (?:more|phone|the|with))*(?=\ \w+(?:s|ing)\b) )
    \ {_TO_REACH} (?:\ (?:me\ )?(?:or|nor)\ {_TO_REACH})*
    (?=$|\ (?:me|us|on|at|to|by|this|please)\b)
    """,
    re.VERBOSE,
)
_WAYS = {
    "email": re.compile("mail|contact"),
    "phone": re.compile("call|ring|phone|text|sms|message|contact"),
}
_PUNCTUATION = re.compile(r"[^\w\s'’-]+")
REFUSES: frozenset[Kind] = frozenset({"no"})
_APPLAUSE = frozenset("👍👌🙏👏🎉❤😀😁😃😄😊🙂")


def small_talk(text: str, called: Collection[str] = ()) -> frozenset[Kind]:
    """The kinds of small talk that a text consists of; none if it says anything else.

    `called` are the words of the name by which the visitor may address whoever listens.
    """
    said = " ".join(word for word in plain_words(text) if word not in called)
    kinds: set[Kind] = set() if said or _APPLAUSE.isdisjoint(text) else {"thanks"}
    end = 0
    while end < len(said):
        phrase = _PHRASE.match(said, end)
        if phrase is None:
            return frozenset()
        kind = _KIND_OF[phrase.group().rstrip()]
        if kind != "filler":
            kinds.add(kind)
        end = phrase.end()
    return frozenset(kinds)


def wants_quote(text: str) -> bool:
    """Whether a text asks for a quote, or for somebody to get in touch."""
    said = " ".join(plain_words(text))
    return bool(_QUOTE.search(said)) and not _NO_WISH.search(said)


def declines(text: str) -> bool:
    """Whether a reply to being asked for something turns that down."""
    return bool(_REFUSAL.search(" ".join(plain_words(text))))


def refused_ways(text: str) -> frozenset[str]:
    """The ways of getting in touch, as keys of details, that a text forbids: "don't call or email me"."""
    # Not across punctuation: "No, call me" is none.
    found = (_NO_CONTACT.search(" ".join(plain_words(part))) for part in _PUNCTUATION.split(text))
    refusals = [refusal.group() for refusal in found if refusal]
    return frozenset(way for way, verb in _WAYS.items() if any(map(verb.search, refusals)))
