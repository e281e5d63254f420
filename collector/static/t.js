/*
 * Measurements: p.js loads this file only if the page owner asks for it with data-technical="errors,resources,vitals".
 *
 * Nothing here is about a person: an error's template (no numbers, no quoted text, no addresses), the place in the code,
 * the host and type of a resource that failed, five measured values. Each different measurement is sent once, at most
 * 20 a page load; after 200 events the script reads no more of them. The collector scrubs everything again.
 */
const MOST_TOLD = 20;
const MOST_LOOKED_AT = 200;
const WAIT_MS = 5000;
const LONGEST = 300;

// A form or an image of the page may have the name of a method of `document`.
const set = Document.prototype.querySelector.call(document, "script[data-site][data-technical]").dataset;
const wanted = set.technical.split(/[\s,]+/);
const base = new URL(".", import.meta.url).href;
const told = new Set();
let waiting = [];
let lookedAt = 0;
let page, view, timer;

const safe = (work) => (event) => {
  try {
    if (lookedAt++ < MOST_LOOKED_AT) work(event);
  } catch {}
};

const flush = () => {
  try {
    const running = timer;
    timer = 0;
    if (!waiting.length) return;
    const report = { s: set.site, u: page, n: view, t: waiting };
    if (set.release) report.l = set.release.slice(0, 64);
    waiting = [];
    const body = JSON.stringify(report);
    // Without `keepalive` the request would end with the page, which a beacon survives.
    (async () => ("keepalive" in Request.prototype && fetch)(base + "e", { method: "POST", body, keepalive: true, credentials: "include" }))()
      .catch(() => navigator.sendBeacon?.(base + "e", body))
      .catch(() => {});
    clearTimeout(running);
  } catch {}
};

const tell = (measurement) => {
  const key = Object.values(measurement).join("\n");
  if (told.size >= MOST_TOLD || told.has(key)) return;
  told.add(key);
  const here = (location.origin + location.pathname).slice(0, 2000);
  if (here != page) {
    flush();
    // Tells how many page views an error met; the page view itself has another number.
    view = "" + Math.ceil(Math.random() * 2 ** 53);
  }
  page = here;
  waiting.push(measurement);
  try {
    timer = timer || setTimeout(flush, WAIT_MS);
  } catch {} // then it is sent when the page is left
};

const template = (message) =>
  String(message)
    .slice(0, LONGEST * 4)
    .replace(/[a-z][a-z0-9+.-]*:\/\/[^\s"'`)]*/gi, "<url>")
    .replace(/[^\s"'`]*@[^\s"'`]*/g, "<address>")
    .replace(/"[^"]*("|$)|`[^`]*(`|$)|«[^»]*(»|$)|“[^”]*(”|$)|„[^“”]*([“”]|$)/g, "<text>")
    .replace(/(^|\W)'[^']*('|$)/g, "$1<text>")
    .replace(/\d+/g, "<n>")
    .slice(0, LONGEST)
    .replace(/[\ud800-\udbff]$/, ""); // the cut may have halved a character

// host:file:line; for a script inside the page the file would be the page itself, which the report names already.
const place = (address, line) => {
  if (!/^https?:/.test(address)) return "";
  const { host, pathname } = new URL(address);
  const file = pathname == location.pathname ? "inline" : pathname.split("/").pop();
  return [host, file, line].join(":").slice(0, LONGEST);
};

const tellError = (error, message, address, line) => {
  const stack = String(error?.stack).slice(0, 2000);
  // The script of a browser extension is no fault of the site.
  if (/^[\w-]+-extension:|^webkit-masked-url:/.test(address || /[\w-]+:\/\/[^\s)]+:\d/.exec(stack))) return;
  const [, from, at] = address ? [0, address, line] : /(https?:\/\/[^\s)]+?):(\d+):\d+/.exec(stack) || [];
  const name = /^\w{1,64}$/.test(error?.name ?? "") ? error.name : "Error";
  // Browsers put "Uncaught TypeError: " before the event's message; the error's own message is the same everywhere.
  tell({ k: "js_error", n: name, t: template(error?.message || message), f: place(from, at) });
};

const tellResource = (type, address) => {
  const { protocol, host } = new URL(address, document.baseURI);
  if (/^https?:/.test(protocol) && !address.startsWith(base)) tell({ k: "resource", n: type, f: host });
};

// Each part may fail by itself.
const part = (name, work) => {
  try {
    if (wanted.includes(name)) work();
  } catch {}
};

part("errors", () => {
  addEventListener("error", safe((event) => event.message && tellError(event.error, event.message, event.filename, event.lineno)));
  addEventListener("unhandledrejection", safe(({ reason }) => tellError(reason, reason)));
});

part("resources", () => {
  const failed = safe(({ target }) => target.localName && tellResource(target.localName, target.currentSrc || target.src || target.href));
  addEventListener("error", failed, true);
  // Failures before this script was loaded, and failures of fetches by a script.
  new PerformanceObserver((list) =>
    list.getEntries().forEach((entry) => entry.responseStatus >= 400 && safe(() => tellResource(entry.initiatorType, entry.name))()),
  ).observe({ type: "resource", buffered: true });
});

part("vitals", () =>
  import(base + "web-vitals.js")
    .then((vitals) =>
      ["onLCP", "onINP", "onCLS", "onFCP", "onTTFB"].forEach((name) =>
        vitals[name](({ name, value }) => tell({ k: "vital", n: name, v: Math.round(value * 1000) / 1000 })),
      ),
    )
    .catch(() => {}),
);

// On window, so that it runs after the listeners of web-vitals, which capture.
addEventListener("visibilitychange", () => document.hidden && flush());
addEventListener("pagehide", flush);
