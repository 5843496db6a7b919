"""The words around what is meant: they are in every conversation, whatever it is about."""

import re
import unicodedata

from bm25s.stopwords import STOPWORDS_EN_PLUS

_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = str.maketrans("", "", "'’‘`´")


def plain_words(text: str) -> list[str]:
    """All the words of a text, in the one form in which words are compared: "What's" as "whats"."""
    plain = unicodedata.normalize("NFC", text).casefold().translate(_APOSTROPHES)
    return _WORD.findall(plain)


def words_of(text: str) -> frozenset[str]:
    """The different words of a text."""
    return frozenset(plain_words(text))


_CHATTER = """
    g'day gday hey hi hiya hello mate mates guys folks please pls plz thanks thank thx cheers sorry ok okay
    oh um hmm lol haha yes yeah yep yup nope nah right well so still just even ever else already currently
    i'm im i'd i'll i've ive its it's that's thats there's theres what's whats wat wats where's who's whos
    how's hows we're we've they're youre you're u ur ya me my let lets let's lemme us
    can't cant couldn't could don't dont doesn't doesnt didn't didnt isn't isnt aren't arent wasn't wasnt
    won't wont wouldn't wouldnt shouldn't shouldnt haven't hasn't would should shall may might must
    gonna gotta wanna want wants wanted would like need needs have has had got get gets getting go goes going
    know knows tell say says said ask asking think thinking guess reckon wonder wondering curious
    understand mean means explain question questions info information help
    really actually basically exactly quite pretty bit little much many lot lots heaps kind sort
    anything something everything anyone someone everyone thing things stuff way about
    maybe perhaps possible possibly probably though tho anyway also too again one ones
    good great nice keen keep happen happens happened happening make makes take takes come comes
    today tomorrow yesterday now soon time times
    because cos coz cuz since vs versus via per plus
"""

_COMMON = """
    able accept across act add afraid age ago agree ahead allow almost alone along always amount another
    answer apart apparently apply around arrange arrive asap away baby back bad based basic became become
    becomes bed began begin behind believe best better big body book bother bothered boy break breaking
    bring broke broken brother brought build building built business busy buy call called calling came
    care carry case catch cause certain chance change changed changes charge check choice choose chose
    city class clear close closer cold common company complete completely concern concerned confused
    consider considered considering continue control correct cost costs country couple course covered
    current currently cut dad daily date daughter day days deal decide decided definitely depend depends
    did difference different difficult direct discuss do does doing done door double doubt down drop due
    during each early easier easily easy eat effect either else email emailing emails end ended ends
    enough entire especially etc everybody everywhere example except expect expected extra eye face fact
    fair fall family far fast father feel feeling felt few figure fill final finally find finding fine
    finish finished first fit five follow following food force forever forget forgot form forward found
    four free friend friends front full fully fun future gave general generally gets girl given gives
    giving goal goods group grow guy half hand handle hands happy hard hardly hate hated head hear heard
    heavy held her here herself high higher him hold hope hoping hour hours house hr hrs huge human
    hundred hurry hurt husband idea ideal ideally imagine immediately important include included including
    instead interested interesting involve involved issue issues item job join keep keeping keeps kept key
    kid kids kinda knew knock lady large last late lately later latest lead learn least leave leaving left
    less letter level life likely line list listen live lives living local long longer looked looks lose
    loss lost loved low lower luck lucky made main major making man manage many matter matters meaning
    meant meet member men mention mind mine minute minutes miss missing moment money month monthly months
    morning mother move moved moving mum name named national natural near nearly necessary neither never
    new news next night nobody none normal normally note nothing notice number numbers obviously offer
    offered offering office often old older only open opinion option options order ordered organised
    others otherwise ourselves outside overall page paid paper parents part particular parts party past
    pay paying people percent perfect permanent permitted person personal phone pick piece place places
    plan planning plans play plus point position power prefer present previous problem problems proper
    properly public pull put rate rather reach read reading ready real reason reasons receive recent
    recently regarding regular related remain remember respond response rest result results return road
    roughly round rule rules run running sad safe sake same saw scared school second seconds section seem
    seems seen self send sending sense sent separate serious seriously set several shall share she shop
    short shortly show shown side sign signed signing similar simple simply single sister sit site
    situation six size slightly slow small smart sold somebody somehow sometimes somewhere son sorts sound
    sounds speak special specific specifically spend stand standing start started starting state stay
    staying step steps stick stop story straight strange street strong student stupid subject sudden
    suddenly suggest suit super support suppose supposed switch system table taken taking talk talking
    team ten tend term terms test text thank thats third thought thoughts thousand three throw tired
    together told tomorrow tonight took top topic total totally towards town tried trip trouble true trust
    truth try trying turn turned turns twice two type types typical uncle unless upset useful usual
    usually value various version view visit wait waiting walk wall watch water website wedding week
    weekly weeks weird welcome went whatever whenever wherever whether whichever whole whose wide wife win
    wise wish within without woke woman women won word words work worked working works world worried
    worries worry worse worst worth write writing wrong wrote year yearly years yet young
"""

STOPWORDS = words_of(" ".join(STOPWORDS_EN_PLUS)) | words_of(_CHATTER)
"""Words that never tell what a message is about."""

COMMON = words_of(_COMMON)
"""Words that tell it only where somebody has written about them."""
