/*
 * The source of the tag. `build` makes p.js from this file, and browsers get p.js; a test checks that the two agree.
 *
 * It sends only six facts of a page view: site, page address, previous page, mode, a nonce, consent; the status of an error
 * page; and for a shown ad block the block's id. Rules: no cookie, no storage, no fingerprint; only allow-listed parameters of
 * a query leave the browser, the fragment never does; no error of ours reaches the page, and the page never waits for the
 * collector. The page view leaves first; the ad blocks and the measurements may each fail by themselves.
 *
 * Attributes of the script element: data-site, data-consent (0, 1, or `wait` until the person has answered), data-keep (more
 * query names, comma separated), data-status (of an error page), data-technical and data-sample (then t.js is loaded, which
 * reads data-release too).
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
    const base = new URL(".", tag.src).href;
    // A tag that is included twice (such as in a template and in a tag manager) counts once. No element of the page can have
    // this name.
    const mark = Symbol.for("px-" + set.site);
    if (self[mark]) return;
    self[mark] = 1;

    const signal = navigator.globalPrivacyControl || navigator.doNotTrack == 1;
    // Every name of pipeline/scrub/query.py; the collector drops others that look like one. Without data-keep the list ends
    // with "undefined", which no page uses.
    const kept = RegExp("^(utm_\\w+|\\w*cl(ic)?k?id|[gw]braid|li_fat_id|epik|sccid|rdt_cid|awc|cjevent|admitad_uid|tduid|" + set.keep?.replace(/,/g, "|") + ")=.", "i");
    const shown = new Set();
    let held = [];
    let here, url, from, nonce, status, answer, settling, timers, scanning, viewport;

    // The newest answer given on the page counts, also after a script has replaced the body; before one, what is printed.
    const consent = () =>
      signal ? "0" : answer || (document.querySelector(`script[data-site='${set.site}']`) || tag).dataset.consent;

    // A CORS request cannot withhold its Origin as a beacon does under some referrer policies.
    const post = (hit) => {
      const said = consent();
      const body = JSON.stringify([{ ...hit, c: said > "1" ? "0" : said }]);
      fetch(base + "e", { method: "POST", body, keepalive: true, credentials: "include" }).catch(
        // A page that is left aborts the promise and not the request.
        safe(() => document.hidden || navigator.sendBeacon?.(base + "e", body) || (new Image().src = base + "p.gif?" + new URLSearchParams(JSON.parse(body)[0]))),
      );
    };
    const send = (ad) => {
      const hit = { s: set.site, u: url, r: from, m: "js", n: nonce, e: status, a: ad };
      consent() == "wait" ? held.push(hit) : post(hit);
    };
    const release = () => held.splice(0).forEach(post);

    const scan = () => {
      scanning = 0;
      document.querySelectorAll("[data-pixel-ad]").forEach((block) => viewport.observe(block));
    };
    // An ad block counts when half of it was in view for one second without a break (MRC viewable display impression).
    const look = safe((entries) =>
      entries.forEach(({ target, intersectionRatio }) => {
        const ad = target.dataset.pixelAd;
        const running = timers;
        clearTimeout(running.get(target));
        if (intersectionRatio >= 0.5)
          running.set(target, setTimeout(safe(() => running != timers || shown.has(ad) || shown.size > 99 || send(ad, shown.add(ad))), 1000));
      }),
    );

    // A page view is a new path that was shown, or the page restored by the back-forward cache (then the previous page is
    // unknown). A prerendered page and a tab in the background count when they are shown.
    const view = safe((event) => {
      const path = (location.origin + location.pathname).slice(0, 2000);
      const restored = event?.persisted;
      if ((path == here && !restored) || document.prerendering || (document.hidden && !settling)) return;
      status = here ? void 0 : set.status;
      from = restored ? "" : here || document.referrer.split(/[?#]/)[0].slice(0, 2000);
      here = path;
      const query = location.search.split(/[?&]/).filter((pair) => kept.test(pair)).join("&");
      url = (path + (query && "?" + query)).slice(0, 2000);
      nonce = "" + Math.ceil(Math.random() * 2 ** 53);
      shown.clear();
      send();
    });
    // A hidden page shows nothing: when it is visible again, and on a new page view, every second starts again.
    const change = safe((event) => {
      view(event);
      settling = 0;
      timers = new WeakMap();
      viewport ??= new IntersectionObserver(look, { threshold: 0.5 });
      viewport.disconnect();
      document.hidden ? release() : url && scan();
    });
    change();

    // A router may push an address and replace it: the one that settles is the page.
    const soon = () => {
      try {
        clearTimeout(settling);
        settling = setTimeout(change, 150);
      } catch {
        change();
      }
    };
    const pushed = history.pushState;
    if (self.navigation?.addEventListener)
      navigation.addEventListener("currententrychange", (event) => /^[pt]/.test(event.navigationType) && soon());
    else
      history.pushState = function (...given) {
        pushed.apply(this, given);
        soon();
      };
    for (const name of ["popstate", "pageshow", "visibilitychange", "prerenderingchange"])
      addEventListener(name, name > "po" && name < "pr" ? soon : change, true);

    new MutationObserver(
      safe((changes) => {
        for (const { attributeName, target } of changes)
          if (attributeName && target.dataset.site == set.site) {
            answer = target.dataset.consent;
            if (answer < 2) release();
          }
        scanning = scanning || setTimeout(safe(scan), 500);
      }),
    ).observe(document, { childList: true, subtree: true, attributeFilter: ["data-consent"] });

    if (set.technical && !signal && !(Math.random() >= set.sample)) import(base + "t.js").catch(safe);
  })();
}
