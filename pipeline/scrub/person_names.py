"""Recognises names of people by the endings of Russian surnames and patronymics, in Cyrillic or transliterated.

Owns the classes of words and the sequences of classes that count as a name. Rules:

* One word is never a name: `/doctors/petrova` is an ordinary address, `petrova-mariya-sergeevna` is a person.
* Every transliteration is folded to one spelling first (`Yuriy`, `Jurij`, `Iurii` and «Юрий» are one word), so each
  ending is listed once, in the plainest transliteration.
* Endings shared with ordinary words (`-in`, `-skaya`) count only beside a first name, a patronymic or a certain surname,
  or if both words are capitalised: names are, slugs are not.
* Endings do not recognise Latin names of other languages; use path templates for those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]

_LATIN = "a b v g d e e zh z y y k l m n o p r s t u f h c ch sh sch y e yu ya"
_CYRILLIC = str.maketrans(
    dict(zip("абвгдеёжзийклмнопрстуфхцчшщыэюя", _LATIN.split(), strict=True)) | dict.fromkeys("ъь'’", "")
)
_FOLDS = (("shch", "sch"), ("kh", "h"), ("ts", "c"), ("x", "ks"), ("yo", "e"))
_I = str.maketrans({"i": "y", "j": "y"})
_DOUBLE_Y = re.compile("yy+")


def fold(word: str) -> str:
    """Return one spelling for all transliterations of a Russian word, in lower-case Latin letters."""
    word = word.lower().translate(_CYRILLIC)
    for old, new in _FOLDS:
        word = word.replace(old, new)
    return _DOUBLE_Y.sub("y", word.translate(_I))


def _ending(endings: str, shortest: int) -> re.Pattern[str]:
    alternatives = "|".join(fold(ending) for ending in endings.split())
    return re.compile(rf"(?=.{{{shortest}}}).*(?:{alternatives})$")


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
    if folded in _ORDINARY_WORD or _ORDINARY_ENDING.match(folded):
        return "."
    if _PATRONYMIC.match(folded):
        return "P"
    if folded in _FIRST_NAME:
        return "F"
    if _SURNAME.match(folded):
        return "S"
    if _SURNAME_MAYBE.match(folded):
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
