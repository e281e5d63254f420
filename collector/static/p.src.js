/*
 * The source of the tag. `build` makes p.js from this file, and browsers get p.js; a test checks that the two agree.
 *
 * It sends only six facts of a page view: site, page address, previous page, mode, a nonce, consent; and for a shown ad
 * block the block's id. Rules: no cookie, no storage, no fingerprint; only allow-listed parameters of a query leave the
 * browser, the fragment never does; no error of ours reaches the page, and the page never waits for the collector.
 *
 * Attributes of the script element: data-site, data-consent (0 or 1, read at every sending), data-keep (more query
 * names, comma separated), data-technical and data-sample (then t.js is loaded, which reads data-release too).
 */
{
  const safe = (work) => (event) => {
    try {
      work(event);
    } catch {}
  };

  safe(() => {
    const tag = document.currentScript;
    const set = tag.dataset;
    const base = tag.src.split("p.js")[0];
    // A tag that is included twice (such as in a template and in a tag manager) counts once.
    const mark = "px-" + set.site;
    if (self[mark]) return;
    self[mark] = 1;

    const signal = navigator.globalPrivacyControl || navigator.doNotTrack == 1;
    // Without data-keep the list ends with the name "undefined", which no page uses.
    const kept = RegExp("^(utm_\\w+|\\w*cl(ic)?k?id|[gw]braid|" + set.keep?.replace(/,/g, "|") + ")=[\\w.-]+$");
    const shown = new Set();
    let url, from, nonce, timers, scanning;

    const send = (ad) => {
      const consent = signal ? "0" : set.consent;
      const hit = { s: set.site, u: url, r: from, m: "js", n: nonce, ...(consent && { c: consent }), ...(ad && { a: ad }) };
      if (!navigator.sendBeacon?.(base + "e", JSON.stringify([hit])))
        new Image().src = base + "p.gif?" + new URLSearchParams(hit);
    };

    // An ad block counts when half of it was in view for one second without a break (MRC viewable display impression).
    const viewport = new IntersectionObserver(
      safe((entries) =>
        entries.forEach((entry) => {
          const ad = entry.target.dataset.pixelAd;
          const running = timers;
          const done = () => running != timers || shown.has(ad) || shown.size > 99 || send(ad, shown.add(ad));
          clearTimeout(running.get(entry.target));
          if (entry.intersectionRatio >= 0.5) running.set(entry.target, setTimeout(safe(done), 1000));
        }),
      ),
      { threshold: 0.5 },
    );
    const scan = () => {
      scanning = 0;
      document.querySelectorAll("[data-pixel-ad]").forEach((block) => viewport.observe(block));
    };
    // A hidden page shows nothing: when it is visible again, and on a new page view, every second starts again.
    const restart = () => {
      timers = new WeakMap();
      viewport.disconnect();
      document.hidden || scan();
    };

    // The first call counts the page; a later one counts if the address changed or the back-forward cache restored the
    // page (then the previous page is unknown). A prerendered page counts when it is shown.
    const view = safe((event) => {
      const query = location.search.split(/[?&]/).filter((pair) => kept.test(pair)).join("&");
      const here = (location.origin + location.pathname + (query && "?" + query)).slice(0, 2000);
      const restored = event?.persisted;
      if ((here == url && !restored) || document.prerendering) return;
      from = restored ? "" : url || document.referrer.split(/[?#]/)[0];
      url = here;
      nonce = "" + crypto.getRandomValues(new BigUint64Array(1));
      shown.clear();
      send();
      restart();
    });
    view();
    for (const name of ["pushState", "replaceState"]) {
      const original = history[name];
      history[name] = function (...given) {
        original.apply(this, given);
        view();
      };
    }
    addEventListener("popstate", view);
    addEventListener("pageshow", view);
    addEventListener(
      "visibilitychange",
      safe(() => {
        view();
        restart();
      }),
    );
    new MutationObserver(safe(() => (scanning = scanning || setTimeout(safe(scan), 500)))).observe(document, {
      childList: true,
      subtree: true,
    });

    if (set.technical && !signal && !(Math.random() >= set.sample)) import(base + "t.js").catch(safe);
  })();
}
