"""Recognises names of people by the endings of Russian surnames and patronymics, in Cyrillic or transliterated.

Owns the classes of words and the sequences of classes that count as a name. Rules:

* One word is never a name: `/doctors/petrova` is an ordinary address, `petrova-mariya-sergeevna` is a person.
* `is_a_name` is stricter, for the unknown part of a path: all cases and short forms, also of names that are not Russian.
* Every transliteration is folded to one spelling first (`Yuriy`, `Jurij`, `Iurii` and «Юрий» are one word), so each
  ending is listed once, in the plainest transliteration.
* Endings shared with ordinary words (`-in`, `-skaya`) count only beside a first name, a patronymic or a certain surname,
  or if both words are capitalised: names are, slugs are not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

Span = tuple[int, int]

_LATIN = "a b v g d e e zh z y y k l m n o p r s t u f h c ch sh sch y e yu ya"
_CYRILLIC = str.maketrans(
    dict(zip("абвгдеёжзийклмнопрстуфхцчшщыэюя", _LATIN.split(), strict=True)) | dict.fromkeys("ъь'’", "")
)
_FOLDS = (("shch", "sch"), ("kh", "h"), ("ts", "c"), ("x", "ks"), ("yo", "e"), ("i", "y"), ("j", "y"))
_DOUBLE_Y = re.compile("yy+")


def fold(word: str) -> str:
    """Return one spelling for all transliterations of a Russian word, in lower-case Latin letters."""
    word = word.lower()
    word = word.replace("'", "") if word.isascii() else word.translate(_CYRILLIC)
    for old, new in _FOLDS:
        word = word.replace(old, new)
    return _DOUBLE_Y.sub("y", word) if "yy" in word else word


def _ending(endings: str, shortest: int) -> Callable[[str], bool]:
    """Return the test whether a folded word of at least `shortest` letters has one of these endings."""
    folded = tuple(fold(ending) for ending in endings.split())
    return lambda word: word.endswith(folded) and len(word) >= shortest


_PATRONYMIC = _ending(
    "ovich ovicha ovichu ovichem evich evicha evichu evichem ilich kuzmich lukich fomich ogly kyzy"
    " ovna ovny ovne ovnu ovnoy evna evny evne evnu evnoy ichna ichny ichne ichnu ichnoy",
    4,
)
_SURNAME = _ending("ov ev ova eva enko chuk yuk ovykh evykh shvili dze", 4)
_SURNAME_MAYBE = _ending("in ina yn yna skiy skaya tskiy tskaya ko uk ykh ikh yan iani", 4)
_FIRST_NAMES = """
    aleksandr aleksandra aleksey alina alla anastasiya anatoliy andrey angelina anna anton arkadiy arseniy artem artur
    boris bogdan vadim valentin valentina valeriy valeriya varvara vasiliy vasilisa vera veronika viktor victor
    viktoriya victoria vitaliy vladimir vladislav vyacheslav galina gennadiy georgiy gleb grigoriy darya daniil danila
    denis diana dmitriy evgeniy evgeniya egor ekaterina elena elizaveta zhanna zakhar zinaida zoya ivan igor ilya inna
    irina kamila karina kirill klavdiya kristina kseniya konstantin larisa lev leonid lidiya lyubov lyudmila ludmila
    maksim margarita marina mariya matvey mikhail nadezhda natalya nataliya nikita nikolay nina oksana oleg olga pavel
    petr pyotr polina raisa roman rustam ruslan svetlana semen sergey sofiya sofya stanislav stepan tamara tatyana
    timofey timur ulyana fedor yuliya julia yuriy yakov yana yaroslav
"""
# Ordinary words of clinic pages that end like surnames.
_ORDINARY = """
    adresov breketov centrov chasov doktorov etapov faktov filialov fibromov gormonov gribov khirurgov kursov metodov
    mifov nervov nomerov organov otvetov otzyvov parazitov polipov porokov pozvonkov priznakov produktov protezov
    punktov rastvorov rodov rubcov shagov shvov simptomov sindromov sluchaev sosudov sovetov sustavov terapevtov testov
    trombov vidov vinirov virusov voprosov zakazov zubov
    golova osnova zdorova slova
    angina insulin magazin mashina medicina muzhchina prichina spina sredina vakcina vitamin zhenshchina
    beremennykh bolnykh medicinskikh
    detskaya detskiy gorodskaya gorodskoy medicinskaya medicinskiy moskovskaya moskovskiy muzhskaya muzhskiy
    rossiyskaya rossiyskiy zhenskaya zhenskiy moloko tolko
"""
_FIRST_NAME = frozenset(map(fold, _FIRST_NAMES.split()))
_ORDINARY_WORD = frozenset(map(fold, _ORDINARY.split()))
_ORDINARY_ENDING = _ending("logov istov entov antov metrov atov itov izov cheskiy cheskaya cheskikh", 4)

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_CAMEL = re.compile(r"(?<=[a-zа-яё])(?=[A-ZА-ЯЁ])")
# A cheap check before the words are folded one by one: does any word end like a surname or patronymic?
_ANY_ENDING = re.compile(
    r"(?:[oe]va?|[iy]na?|ko|s[ck](?:iy|ij|ii|yi|y|i|aya|aia|aja)|[iy]k?h|[iy]ch(?:a|u|em)?|uk|l[iy]|n[iyaeu]|noy|dze|[iy]an|zy"
    r"|[оеё]ва?|[иы]на?|ко|[сц]к(?:ий|ая)|[иы]х|ич(?:а|у|ем)?|[ую]к|л[иы]|н[иыаеу]|ной|дзе|ян|зы)(?![^\W\d_])",
    re.IGNORECASE,
)


def name_spans(text: str) -> Iterator[Span]:
    """Yield start and end of every chain of consecutive words in `text` that reads as a person's name."""
    if not _ANY_ENDING.search(text) and not _CAMEL.search(text):
        return
    chain: list[tuple[int, int, str]] = []
    for start, end in _words(text):
        if chain and not _consecutive(text, chain[-1][1], start):
            yield from _names(text, chain)
            chain.clear()
        chain.append((start, end, _kind(text[start:end])))
    yield from _names(text, chain)


def _words(text: str) -> Iterator[Span]:
    if text.islower() or not _CAMEL.search(text):
        yield from (word.span() for word in _WORD.finditer(text))
        return
    for word in _WORD.finditer(text):
        start = word.start()
        for boundary in _CAMEL.finditer(text, word.start(), word.end()):
            yield start, boundary.start()
            start = boundary.start()
        yield start, word.end()


def _consecutive(text: str, end: int, start: int) -> bool:
    return start - end <= 3 and not any(character.isdigit() or character == "*" for character in text[end:start])


def _kind(word: str) -> str:
    """Return P patronymic, F first name, S surname, s perhaps a surname (C: capitalised), I initial, '.' other."""
    if len(word) == 1:
        return "I"
    folded = fold(word)
    if folded in _ORDINARY_WORD or _ORDINARY_ENDING(folded):
        return "."
    if _PATRONYMIC(folded):
        return "P"
    if folded in _FIRST_NAME or folded in _MORE_FIRST_NAME:
        return "F"
    if _SURNAME(folded):
        return "S"
    if _SURNAME_MAYBE(folded):
        return "C" if word[0].isupper() else "s"
    return "."


# Each letter is one word, as `_kind` names it. A patronymic includes its neighbours: beside it even an unknown
# word is a first name.
_NAME = re.compile(r"[SsCF]?[.SsCFI]?P[SsCF.]?|F[SsC]|[SsC]F|S[SsC]+|[sC]S+|CC+|[SC]II|II[SC]")
# Across a slash only certain words count: `/doctors/sergeevich` is a section and a word, `/a/b/petrov` no initials.
_NAME_OVER_SLASH = re.compile(r"(?=.*[PF])[SsCFP]+")


def _names(text: str, chain: list[tuple[int, int, str]]) -> Iterator[Span]:
    kinds = "".join(kind for _, _, kind in chain)
    for name in _NAME.finditer(kinds):
        if name.end() - name.start() < 2:
            continue
        start, end = chain[name.start()][0], chain[name.end() - 1][1]
        if "/" in text[start:end] and not _NAME_OVER_SLASH.fullmatch(name[0]):
            continue
        yield start, end


# Beside a name these words are not a person's second name: `klinika-mariya`, `shkola-doktora-ivanova`.
_SECOND_WORDS = """
    center centr tsentr klinika clinic medcentr hospital bolnica poliklinika apteka doktor doctor doktora vrach
    vracha vrachi uslugi akciya akcii otzyv otzyvy priem zapis statya novosti ceny shkola kurs den dnya san dental
    stom dr mrs mr ms and the for with is dlya pro kak chto na do ot iz po za pri bez svyataya svyatoy svyatogo sv
    saint st klub fond premium plus med medical group grupp lab labs pharma centra kliniki dentist dentistry
"""
# First names that are also ordinary words or numerals of months; only beside a surname they are a person's.
_WORDS_TOO = """
    vera lyubov nadezhda roman lev mark may april june rose grace hope will bill art max
"""
_MORE_FIRST_NAMES = """
    sasha masha katya lena olya natasha tanya sveta ira yulya dasha nastya anya lyuda galya valya nadya lyuba zhenya kolya
    vanya petya misha dima seryozha serezha vova volodya tolya kostya slava vitya borya gena grisha lyosha lesha alyosha pasha
    tyoma tema styopa stepa yura fedya liza sonya polya varya kira rita ksyusha asya tonya zina klava raya toma gosha goga
    arina alisa milana eva agata maya miroslava eseniya esenia vasilina emiliya elina elvira lilia liliya snezhana zlata yaroslava
    makar mark lev roma rodion german demid miron platon savva saveliy yulian emil gordey klim luka nazar tikhon filipp eduard
    albert robert adam ernest arnold rem spartak innokentiy valentin efim ignat zakhar prokhor lavrentiy
    gulnara gulnaz gulshat guzel guzal aysylu aigul aygul alsu leysan dinara diliya dilyara rezeda farida fanis nailya nelly
    aliya aliia zulfiya zulfia raisa rimma venera flyura khadizha rinat renat marat ildar ilnur ilgiz rustem timur ayrat airat
    almaz azat aydar damir farit ramil rafael shamil radik rishat ruslan salavat fanil marsel
    zukhra dzhamshed jamshed mukhtar sayyora
    madina zarina aminat patimat fatima khadidzha zalina fatimat magomed mukhammed akhmed ahmed ibragim ismail ali aslan murat
    zaur rasul gadzhi shamsudin artur armen tigran gevorg aram ashot karen garik sarkis ruben samvel vardan hasmik anahit nune
    lusine mariam david davit giorgi nino tamar irakli zurab vakhtang levan elchin rashid vugar elnur kamran leyla aygun nargiz
    bakhtiyar dilshod farkhod jasur otabek sherzod nodira gulbahor malika feruza aibek nurlan askar bolat erlan zhanar saule
    ayzhan daniyar yerlan azamat islam rustam umid zafar bekzod
    john james robert michael mike william david richard thomas charles daniel matthew anthony steven paul andrew joshua kevin
    brian george edward peter mary patricia jennifer linda elizabeth barbara susan jessica sarah nancy lisa betty margaret
    sandra ashley emily kate katherine catherine alexander alex alexandra alexey alexei andrei dmitry dmitri sergei nikolai
    anatoly vasily yury evgeny evgenia natalia tatiana ksenia xenia maria mariia sofia sophia olivia emma julia helen nick chris
    jane ann anne tom jack harry ben sam lucy laura hans klaus wolfgang pierre jean marie jose carlos luis juan mohammed muhammad
    anna olga ivan elena irina
"""
_CASES_OF_A = ("y", "e", "u", "oy", "ey", "ou")
_CASES_OF_A_CONSONANT = ("a", "u", "om", "em", "e", "ya", "yu")


def _forms() -> frozenset[str]:
    """Return all first names in all cases, each folded."""
    forms: set[str] = set()
    for name in map(fold, (_FIRST_NAMES + _MORE_FIRST_NAMES).split()):
        forms.add(name)
        if name.endswith("a"):
            forms.update(name[:-1] + case for case in _CASES_OF_A)
        elif name.endswith("y"):
            forms.update(name[:-1] + case for case in ("ya", "yu", "em", "yem", "ey", "e"))
        else:
            forms.update(name + case for case in _CASES_OF_A_CONSONANT)
    forms |= {name[:-2] + case for name in forms if name.endswith("ya") for case in ("y", "yu", "ey", "e")}
    # A fleeting vowel: Pavel, Pavla; Lev, Lva; Petr, Petra is regular.
    return frozenset(forms | {"pavla", "pavlu", "pavlom", "pavle"}) - {""}


_ANY_FIRST_NAME = _forms()
_MORE_FIRST_NAME = frozenset(map(fold, _MORE_FIRST_NAMES.split())) - frozenset(map(fold, _WORDS_TOO.split()))
_NOT_A_SECOND_NAME = frozenset(map(fold, _SECOND_WORDS.split()))
_ALSO_A_WORD = frozenset(map(fold, _WORDS_TOO.split()))
_WOMAN = _ending("ova eva yova ovoy evoy ovu evu", 5)
_SURNAME_IN_A_CASE = _ending(
    "ov ev ova eva ovoy evoy ovu evu ovym evym ove eve enko chuk ovykh evykh shvili dze yants", 5
)
_SURNAME_MAYBE_IN_A_CASE = _ending(
    "in ina yn yna inoy inu inym ine skiy skaya skogo skomu skim skoy skuyu tskiy tskaya ko uk ykh ikh yan iani", 5
)
_INITIALS = frozenset(["yu", "ya", "zh", "kh", "ts", "ch", "sh"])  # one letter in Cyrillic
_CHAINS = ("FS", "SF", "Fs", "sF", "SS", "Ss", "sS", "SI", "IS", "IIs", "sII", "FIs")
_LONGEST_NAME = 4
"""A person's name has at most so many words: title, surname, first name, patronymic."""


_SHORTEST_OF_JOINED = 5


def is_a_name(segment: str, *, beside_a_number: bool, is_personal: bool = False) -> bool:
    """Return whether a whole segment of a path may be the name of a person, in any case or short form.

    Stricter than `name_spans`: here a mistake costs one `*`. With `beside_a_number` a surname alone is enough
    (`petrov-1985`), and so it is with `is_personal`.
    """
    words = [segment[start:end] for start, end in _words(segment)]
    if len(words) == 1:
        is_enough = beside_a_number or is_personal
        return (is_enough and _strict_kind(words[0]) in ("S", "F", "P")) or _is_joined(words[0])
    kinds = "".join(map(_strict_kind, words))
    if is_personal and any(kind in kinds for kind in "FSP"):
        return True
    if any(chain in kinds for chain in _CHAINS) or ("P" in kinds and len(words) <= _LONGEST_NAME):
        return True
    if len(words) != 2:
        return False
    if beside_a_number and "S" in kinds:
        return True
    is_woman = "S" in kinds and any(map(_WOMAN, map(fold, words)))
    return "." in kinds and ("F" in kinds or is_woman) and min(map(len, words)) > 2


def _strict_kind(word: str) -> str:
    """Return P patronymic, F first name, S surname, s perhaps a surname, I initial, '-' an ordinary word, '.' other."""
    if len(word) == 1 or (len(word) == 2 and (word.isupper() or word.lower() in _INITIALS)):
        return "I"
    folded = fold(word)
    if folded in _NOT_A_SECOND_NAME or folded in _ORDINARY_WORD or _ORDINARY_ENDING(folded):
        return "-"
    if _PATRONYMIC(folded):
        return "P"
    if folded in _ALSO_A_WORD:
        return "s"
    if folded in _ANY_FIRST_NAME:
        return "F"
    if _SURNAME_IN_A_CASE(folded):
        return "S"
    return "s" if _SURNAME_MAYBE_IN_A_CASE(folded) else "."


def _is_joined(word: str) -> bool:
    """Return whether a word is a surname and a first name without anything between them."""
    folded = fold(word)
    return len(folded) >= 2 * _SHORTEST_OF_JOINED and any(
        (folded[:cut] in _ANY_FIRST_NAME and _SURNAME_IN_A_CASE(folded[cut:]))
        or (folded[cut:] in _ANY_FIRST_NAME and _SURNAME_IN_A_CASE(folded[:cut]))
        for cut in range(_SHORTEST_OF_JOINED, len(folded) - _SHORTEST_OF_JOINED + 1)
    )
