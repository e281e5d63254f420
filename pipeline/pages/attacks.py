"""Names the form of attack that a page address holds (column `attack`), because scrubbing removes the evidence.

Owns the families and their forms. Pure. Rules:

* The family is a fact about the address and no verdict about the visitor. At `/wp-login.php` of a site that runs WordPress
  its own staff log in; `cms_door` says only that the address is a door at which every site is probed.
* `traversal`: a way out of the site's directory, a file of the system, a cut file name. `sql`: a piece of a query.
  `script`: code for a browser, an interpreter or a shell. `lookup`: an expression that a logger, a template or a directory
  would evaluate. `dotfile`: a hidden, left-over or secret file. `cms_door`: a door of a content system, a framework or a
  device, and a back door left in one.
* An address of several families has the first of `_FAMILIES`: what is injected says more than the place.
* Forms before names. A word of a patient's search is no form: a form needs the signs around the word as well.
* Every repetition of a pattern is bounded, so the time grows with the length of the address and no faster.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from pipeline.scrub.decode import plain

Attack = Literal["", "traversal", "dotfile", "cms_door", "sql", "script", "lookup"]

# Letters of U+0400 to U+07FF (Cyrillic, Hebrew, Arabic) are in no form, and most escapes of a Russian site are of them.
_LETTERS: Final = re.compile(r"(?:%[Dd][0-9A-Fa-f]%[89ABab][0-9A-Fa-f])+")
_LETTER: Final = "\u044f"
_BARE: Final = re.compile(r"[A-Za-z0-9_\u0400-\u07ff/=&?.,:-]*")
_LAYERS: Final = re.compile(r"%(?:25)+")
# ASCII spelled with two or three bytes, which UTF-8 forbids and old servers accept: `%c0%af` is a slash.
_OVERLONG: Final = re.compile(r"%(?:[Cc]([01])|[Ee]0%8([01]))%([89ABab][0-9A-Fa-f])")
_BLANKS: Final = re.compile(r"%0[9A-Da-d]|[+\t\n\r\f\v]")
_COMMENT: Final = re.compile(r"/\*(?:!\d{0,6}|(?:[^*!][^*]{0,40})?\*/)")  # the text of `/*!50000union*/` is run
_HEADER: Final = re.compile(
    r"%0[ad](?:%0a|%20|\s){0,4}(?:set-cookie|location|content-(?:type|length)|transfer-encoding|x-[\w-]{1,40}|http/1)[:.]",
    re.IGNORECASE,
)


_FAMILIES: Final[tuple[Attack, ...]] = ("sql", "lookup", "script", "traversal", "dotfile", "cms_door", "")
"""From the family that says most to the one that says least."""


class _Form(NamedTuple):
    """One form: every match holds `word`, which is the form itself where there is no pattern."""

    family: Attack
    word: str
    pattern: re.Pattern[str] | None


class _Forms(NamedTuple):
    """Forms in the order of their families; `words` finds any of their words, which most addresses do not hold."""

    words: re.Pattern[str]
    forms: tuple[_Form, ...]


def _form(family: Attack, word: str, pattern: str = "") -> _Form:
    return _Form(family, word, re.compile(pattern) if pattern else None)


def _table(*forms: _Form) -> _Forms:
    words = sorted({form.word for form in forms})
    in_order = sorted(forms, key=lambda form: _FAMILIES.index(form.family))
    return _Forms(re.compile("|".join(map(re.escape, words))), tuple(in_order))


_TAGS: Final = (
    "script|img|image|svg|iframe|i?frameset|object|embed|applet|body|html|head|meta|link|base|style|form|input|button|textarea"
    "|select|table|div|span|marquee|video|audio|source|math|details|isindex|xml|xss|br|h[1-6]"
)
_HANDLERS: Final = (
    "error|load\\w{0,10}|click|dblclick|auxclick|mouse\\w{1,8}|pointer\\w{1,14}|touch\\w{1,8}|key\\w{1,6}|focus\\w{0,3}|blur"
    "|toggle|animation\\w{1,10}|transition\\w{1,10}|begin|end|start|finish|bounce|wheel|resize|scroll\\w{0,10}|change|input"
    "|submit|reset|select\\w{0,6}|drag\\w{0,6}|drop|cut|copy|paste|unload|before\\w{1,12}|hashchange|page\\w{1,6}|message"
    "|context\\w{1,6}|canplay\\w{0,8}|play\\w{0,6}|readystatechange|invalid|search|show"
)
_SELECTED: Final = (  # the signs of a query behind `select`; "select a doctor, from 9 to 5" has none
    r"\(|\*|@@|\d{1,9}\s{0,4}(?:from\b|[,)]|--|$)|null\b|case\s{1,4}when\b"
    r"|(?:count|(?:group_)?concat(?:_ws)?|cha?r|(?:pg_)?sleep|load_file|version|user|database|extractvalue|updatexml|convert"
    r"|cast|substr(?:ing)?|if(?:null)?|md5|hex|ascii|(?:utl|dbms|xp)_[\w.]{1,30})\s{0,4}\("
)
_JOINING: Final = (
    *((word, rf"\b{word}\b") for word in ("or", "xor", "and", "having", "where")),
    *(("||", r"\|\|"), ("&&", "&&")),
)
_COMPARED: Final = (  # behind a word that joins conditions: two numbers or texts, or a name with itself
    r"[\s(]{0,8}(?:not\s{1,4})?(?:\d[\d\s.*+-]{0,40}|['\"][\w ]{0,20}['\"])\s{0,4}[!<>]?=[\s(]{0,8}(?:[\d'\"-]|$|&)"
    r"|\s{1,4}(?P<name>\w{1,12})\s{0,4}=\s{0,4}(?P=name)\s{0,4}(?:--|#|/\*|$|&)"
)
_PROGRAMS: Final = (
    r"(?:wget|curl|whoami|uname|nslookup|powershell|busybox|ifconfig|ipconfig|netcat|tftp)\b"
    r"|/bin/\w{1,8}|cat\s{1,4}[/.$]"
)
_SHORT: Final = r"id|ls|dir|set|ver|env|ps|pwd|netstat"
_SLASH: Final = r"[/\\\u2044\u2215\u2216\ufffd]"

_BARE_FORMS: Final = _table(  # that letters, digits and the signs of `_BARE` can spell; every other form needs another sign
    *(_form("sql", word) for word in ("information_schema", "xp_cmdshell", "sqlite_master", "pg_catalog.")),
    _form("sql", ",null", r",null\s{0,4},\s{0,4}null\b"),
    _form("lookup", "://", r"\b(?:gopher|dict|ldaps?|rmi)://|://(?:169\.254\.169\.254|metadata\.google)\b"),
    _form("lookup", "java.lang.", r"java\.lang\.(?:runtime|processbuilder|class|system|thread)"),
    *(_form("lookup", word) for word in ("jndi:ldap", "jndi:rmi", "jndi:dns", "class.module.classloader")),
    _form("script", "script:", r"\b(?:java|vb|live)\s{0,4}script:"),
    _form("script", "document.", r"\bdocument\.(?:cookie|domain|location|write)\b"),
    _form("script", "://", r"\b(?:php://input|expect://|data://)"),
    _form("script", "data:", r"\bdata:(?:text/|application/|[;,]|image/svg)"),
    *(_form("script", word) for word in ("allow_url_include", "auto_prepend_file", "invokefunction", "cmd.exe")),
    # "It hurts.../aches" is a sentence, and `/old../new` a way out only in a path.
    _form("traversal", "..", rf"(?<![\w.])\.\.[;\xc0-\u04ff]{{0,2}}{_SLASH}|\.\.\.\.[/\\]{{2}}|{_SLASH}\.\.(?:$|[&/\\])"),
    _form("traversal", "etc", r"\betc[/\\]{1,3}(?:\.[/\\])?(?:passwd|shadow|group|hosts|hostname|issue|crontab|fstab|ssh|nginx|apache2|httpd)\b"),
    _form("traversal", "proc", r"\bproc[/\\](?:self|version|cpuinfo|mounts|\d{1,7})\b"),
    *(_form("traversal", word, r"(?:^|[=?&/'\"\s])(?:[a-z]:[/\\]{1,2}(?:windows|winnt|inetpub|boot\.ini)\b|file:/{1,3}|(?:phar|zip|zlib|glob|php)://)")
      for word in (":/", ":\\")),
    _form("traversal", "var/log/", r"(?:^|[=?&/'\"\s])/?var/log/\w"),
    *(_form("traversal", word) for word in ("win.ini", "boot.ini", "windows/system32", "web-inf/", "li4vli4v")),
    *(_form("dotfile", word, rf"[=/]{re.escape(word)}(?:$|[&/.])") for word in (".env", ".git", ".htaccess", ".htpasswd")),
    *(_form("dotfile", word, rf"[=/]{re.escape(word)}(?:$|[&.])") for word in ("wp-config.php", "configuration.php")),
)  # fmt: skip

_FORMS: Final = _table(
    # Queries: two words of SQL, a comparison that is always true or false, the functions that wait, an end by a comment.
    _form("sql", "union", rf"\bunion\b[\s(/*!\d]{{1,24}}(?:(?:all|distinct)\b[\s(/*!\d]{{1,24}})?select\b[\s/*!]{{0,9}}"
          rf"(?:{_SELECTED}|$|&|['\"@,\d-]|\w{{1,30}}\s{{0,4}},|[^&?]{{1,60}}\bfrom\b)"),
    _form("sql", "select", rf"(?:^|[\s;('\"=,*/+|-])select\s{{0,4}}(?:{_SELECTED})"),
    _form("sql", ";", r";[\s/*]{0,9}(?:drop\s{1,4}(?:table|database|user|schema)\b|insert\s{1,4}into\b|delete\s{1,4}from\b"
          r"|update\s{1,4}\w{1,40}\s{1,4}set\b|exec(?:ute)?[\s(]{1,4}\w{0,20}\.{0,2}[xs]p_|declare\s{1,4}@"
          r"|truncate\s{1,4}table\b|(?:create|alter)\s{1,4}(?:table|user|function|database)\b|shutdown\s{0,4}(?:--|;|$))"),
    *(_form("sql", word, rf"{pattern}(?:{_COMPARED})") for word, pattern in _JOINING),
    _form("sql", "or", r"['\"\d)]\s{0,4}\bor\b\s{1,4}(?:\d{1,9}|true|not\s{1,4}false)\s{0,4}(?:--|#|/\*|;)"),
    _form("sql", "*", r"\b(?:x?or|and)\b\s{1,4}\(?\d{1,9}[*+-]\d[\d*+-]{0,30}\s{0,4}[<>]"),
    _form("sql", "like", r"['\"]\s{0,4}\b(?:or|and)\b\s{1,4}['\"]?\w{0,20}['\"]?\s{1,4}like\s{1,4}['\"]"),
    _form("sql", "--", r"['\"]\s{0,4}\){0,9}\s{0,4};?\s{0,4}--[\s+-]{0,4}(?:$|[&/])"),
    _form("sql", "#", r"['\"]\s{0,4}\){0,9}\s{0,4};?\s{0,4}#(?:$|&)"),
    _form("sql", "by", r"\b(?:order|group)\s{1,4}by\s{1,4}\d{1,4}\s{0,4}(?:--|#|/\*)"
          r"|['\")]\s{0,4}(?:order|group)\s{1,4}by\s{1,4}\d"),
    _form("sql", "sleep(", r"\b(?:pg_sleep\(|sleep\(\s{0,4}(?:[\d'\"&)]|$))"),
    _form("sql", "waitfor", r"\bwaitfor\s{1,9}(?:delay|time)\b"),
    _form("sql", "(", r"\b(?:benchmark|load_file|extractvalue|updatexml|group_concat|randomblob|substr|substring|hex|md5"
          r"|selectchar)\(|\bcha?r\(\s{0,4}(?:\d|$|&)|\|\|\s{0,4}cha?r\(|\b(?:dbms|utl)_\w{1,30}\.\w{1,30}\("),
    _form("sql", "file", r"\binto\s{1,4}(?:out|dump)file\b"),
    _form("sql", "@@version"),
    # Expressions. `{{campaign.name}}` and `${id}` are forgotten placeholders of ads and templates: a name alone is no form.
    _form("lookup", "${", r"\$\{(?:[a-z]{2,12}:|::|[\d'\"@#]|t\s{0,4}\(|[^{}]{0,24}\$\{)"),
    _form("lookup", "{{", r"\{\{(?:[^{}]{0,60}?(?:[*('\"\[]|__|\d\s{0,4}[+/-])|\s{0,4}(?:config|self|request)\s{0,4}\}\})"),
    _form("lookup", "{", r"[#*@]\{\s{0,4}(?:\d|t\s{0,4}\()|%\{\s{0,4}[(#]"),
    _form("lookup", "<%", r"<%\s{0,4}="),
    _form("lookup", "(", r"\*\){1,4}\(|\)\(\s{0,4}[|&!]\s{0,4}\(|\)\(\w{1,20}=\*|!\(\(\)"),
    _form("lookup", "#_memberaccess"),
    # Code for a browser. "a<b", "x < base" and "<1000" are mathematics: a short tag needs signs around it.
    _form("script", "<", rf"</?(?:{_TAGS})(?:[\s/>&;\"'(]|$)|<!--|<!\[cdata|<\?(?:php|=|xml)"),
    _form("script", "<", r"(?<![\w\s])</?(?:a|b|i|p|q|s|u|tt|em|var)(?:[\s/>]|$)"
          r"|<\w{1,20}[\s/][^<>]{0,80}\bon\w{3,20}\s{0,4}="),
    _form("script", "script", r"(?:&lt;?|\\x3c|\\u003c)[\s/]{0,4}script\b|\b(?:java|vb|live)\s{0,4}script\s{0,4}(?::|&colon;)"),
    _form("script", "on", rf"[\s\"'/<>;]on(?:{_HANDLERS})\s{{0,4}}="),
    _form("script", "(", r"\b(?:alert|prompt|confirm|eval|atob|fetch|settimeout|setinterval|fromcharcode|phpinfo|shell_exec"
          r"|passthru|proc_open|base64_decode|file_get_contents|call_user_func(?:_array)?|response\.write|expression)\("
          r"|\b(?:system|exec|assert|print)\(\s{0,4}(?:['\"$]|md5\()"),
    _form("script", "`", r"\b(?:alert|prompt|confirm|eval)`"),
    # Code for an interpreter or a shell. "; cat scan", "; type 2" and "; echo" are words of patients, `gid|1|id|2` of an ad.
    _form("script", ":{", r"\b[oa]:\d{1,4}:(?:\"\w{1,60}\":\d{1,4}:)?\{"),
    _form("script", "|", rf"\|\s{{0,4}}(?:{_PROGRAMS}|(?:{_SHORT})\s{{0,4}}(?:$|[&;`]))"),
    _form("script", ";", rf";\s{{0,4}}(?:{_PROGRAMS}|(?:id|ls|pwd)\s{{0,4}}(?:$|[&|;`])|ls\s{{1,4}}[/-])"),
    _form("script", "&&", rf"&&\s{{0,4}}(?:{_PROGRAMS}|(?:{_SHORT})\s{{0,4}}(?:$|[&|;`]))"),
    _form("script", "`", rf"`\s{{0,4}}(?:{_PROGRAMS}|(?:{_SHORT})\b|sleep\s{{1,4}}\d)"),
    _form("script", "$(", rf"\$\(\s{{0,4}}(?:{_PROGRAMS}|(?:{_SHORT}|expr|printf|echo)\b|sleep\s{{1,4}}\d)"),
    _form("script", "http", r"\b(?:wget|curl)\s{1,4}(?:-\w{1,10}\s{1,4}){0,4}['\"]?https?:"),
    *(_form("script", word) for word in ("<!--#", "$ifs", "${ifs}", "rm -rf", "chmod +x", "chmod 777", "cmd /c")),
)  # fmt: skip

_SECRETS: Final = frozenset(
    {
        *("configuration.php", "web.config", "appsettings.json", "credentials.json", "id_rsa", "id_dsa"),
        *("docker-compose.yml", "composer.json", "composer.lock", "package.json"),
    }
)

# Doors as the first name of the path, because `/jobs/administrator` is a vacancy ...
_FIRST_DOORS: Final = frozenset(
    {
        # content systems, databases, web servers
        *("administrator", "typo3", "umbraco", "netcat", "phpmyadmin", "myadmin", "mysqladmin", "dbadmin"),
        *("cgi-bin", "server-status", "server-info"),
        # frameworks and application servers
        *(
            "actuator",
            "jolokia",
            "solr",
            "geoserver",
            "nacos",
            "_ignition",
            "_profiler",
            "_debugbar",
            "_cat",
            "_search",
        ),
        *("jmx-console", "web-console", "admin-console", "invoker", "axis2", "wls-wsat", "_async"),
        # mail, remote access, devices
        *("autodiscover", "dana-na", "+cscoe+", "hnap1", "boaform", "gponform", "goform", "webfig", "nmaplowercheck"),
    }
)
# ... or as any name of it.
_DOORS: Final = frozenset(
    {
        *("wp-admin", "xmlrpc.php", "phpunit", "eval-stdin.php", "timthumb.php", "adminer.php", "phpinfo.php"),
        *("install.php", "setup.php", "setup.cgi"),
        # editors with an upload
        *("fckeditor", "ckfinder", "kcfinder", "elfinder", "uploadify", "uploadify.php", "uploadhandler.php"),
        # back doors and marks of scanners
        *("shell.php", "webshell.php", "cmd.php", "c99.php", "r57.php", "wso.php", "vuln.php", "vuln.txt"),
        "w00tw00t.at.isc.sans.dfind",
    }
)
_LEFT_OVER: Final = (
    *("bak", "backup", "old", "orig", "save", "swp", "swo", "sql", "dump", "mdb", "sqlite", "sqlite3"),
    *("pem", "ppk", "pfx", "env", "tfstate", "inc"),
)
_PATH_FORMS: Final = _table(
    _form("traversal", "..", rf"\.\.[;\xc0-\u04ff]{{0,2}}(?:{_SLASH}|$)"),
    # `/.well-known` is public, and `/catalog/.html` is a link of a content system that forgot the name.
    _form("dotfile", "/.", r"/\.(?!well-known(?:/|$)|(?:html?|php|aspx?)(?:/|$))[^/.\s]"),
    _form("dotfile", "~", r"~$"),
    *(_form("dotfile", f".{ending}", rf"\.{ending}$") for ending in _LEFT_OVER),
    _form("dotfile", "conf", r"/(?:wp-config[^/]{0,60}|conf(?:igs?|iguration|s)?(?:[.-]\w{1,20}){0,4}\.(?:php|inc|json|ya?ml|ini|toml))$"),
    *(_form("dotfile", f".{ending}", r"^/(?:[^/]{0,60}(?:back-?up|dump|database|wwwroot|public_html|htdocs)[^/]{0,60}"
            rf"|www|web|site|html|db|sql|data|old|archive|\d)(?:\.tar)?\.{ending}$")
      for ending in ("zip", "rar", "7z", "tgz", "gz", "bz2", "tar")),
    # A script where files are kept, or behind another ending; `/wp-inc.php` imitates the names of WordPress.
    _form("cms_door", ".ph", r"/(?:wp-content|wp-includes|images?|img|css|fonts|media|tmp|uploads?|libraries|plugins)/"
          r"[^?]{0,300}\.ph(?:p\d?|tml)(?:[./]|$)|\.php\d?\.[a-z]{1,9}$"),
    _form("cms_door", "/wp-", r"/wp-\w[\w-]{0,60}\.php(?:[./]|$)|/wp-json/wp/v\d/users"),
    *(_form("cms_door", word, rf"/{word}[^?]{{0,300}}(?:\.php|/[^/.]{{0,60}})$") for word in ("components/com_", "modules/mod_")),
    _form("cms_door", "admin", r"/admin[\w-]{0,20}\.(?:php\d?|aspx?|jsp|cgi|pl)(?:/|$)|/bitrix/admin(?:/|$)"
          r"|/admin/\w{0,20}login\.(?:php|aspx?|jsp|cgi)(?:/|$)"),
    _form("cms_door", "bitrix", r"/bitrix/(?:modules|tools)(?:/|$)"),
    _form("cms_door", "manager", r"/manager/html(?:/|$)"),
    _form("cms_door", "crx", r"/crx/(?:de|packmgr)/"),
    _form("cms_door", "pma", r"/pma/[^?]{0,60}\.php"),
    _form("cms_door", ".asp", r"/(?:owa|ecp)/[^?]{0,60}\.aspx?(?:/|$)|/core/skin/login\.aspx$|\.aspx?\.[a-z]{1,9}$"),
)  # fmt: skip
_UPLOAD_DOOR: Final = re.compile(r"\boption=com_\w{1,40}\b[^?]{0,300}\b(?:task|view)=[\w.]{0,40}upload")


def attack_of(path: str, query: str) -> Attack:
    """Return the family of the form that the raw `path` and `query` of an address hold, '' for none."""
    if "%" in path or "%" in query:
        path, query = _LETTERS.sub(_LETTER, path), _LETTERS.sub(_LETTER, query).replace("%2C", ",")
    text = f"{path}?{query}" if query else path
    if _BARE.fullmatch(text):
        return _first(_family(_BARE_FORMS, text.lower()), _place(path.lower(), query.lower()))
    return _behind_escapes(path, query)


def _behind_escapes(path: str, query: str) -> Attack:
    path, query = _with_one_layer(path), _with_one_layer(query)
    cut: Attack = "traversal" if "%00" in path or "%00" in query else ""
    header: Attack = "script" if any("%0" in part and _HEADER.search(part) for part in (path, query)) else ""
    path, query = _plain(path), _plain(query)
    text = f"{path}?{query}" if query else path
    return _first(cut, header, _family(_FORMS, text), _family(_BARE_FORMS, text), _place(path, query))


def _first(*families: Attack) -> Attack:
    return min(families, key=_FAMILIES.index) if any(families) else ""


def _with_one_layer(text: str) -> str:
    return _OVERLONG.sub(_overlong, _LAYERS.sub("%", text)) if "%" in text else text


def _overlong(spelling: re.Match[str]) -> str:
    return f"%{int(spelling[1] or spelling[2]) << 6 | int(spelling[3], 16) & 63:02x}"


def _plain(text: str) -> str:
    """Return the text decoded, in small letters, with a space for every blank and every comment of SQL."""
    text = plain(_BLANKS.sub(" ", text)).lower()
    return _COMMENT.sub(" ", text) if "/*" in text else text


def _family(table: _Forms, text: str) -> Attack:
    if table.words.search(text):
        for family, word, pattern in table.forms:
            if word in text and (pattern is None or pattern.search(text)):
                return family
    return ""


def _place(path: str, query: str) -> Attack:
    """Return the family of the place that an address asks for."""
    if family := _family(_PATH_FORMS, path):
        return family
    names = path.replace("\\", "/").split("/")
    if names[-1] in _SECRETS:
        return "dotfile"
    if next(filter(None, names), "") in _FIRST_DOORS or not _DOORS.isdisjoint(names):
        return "cms_door"
    return "cms_door" if "upload" in query and _UPLOAD_DOOR.search(query) else ""
