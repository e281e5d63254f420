/*
 * The source of the tag. `build` makes p.js from this file, and browsers get p.js; a test checks that the two agree.
 *
 * It sends only these facts of a page view: site, page address, previous page, mode, a nonce, consent; the status of an error
 * page and the site's release where the page owner gives them; and for a shown ad block the block's id. Rules: no cookie, no
 * storage, no fingerprint; only allow-listed parameters of a query leave the browser, the fragment never does; no error of ours
 * reaches the page, and the page never waits for the collector. The page view leaves first; the ad blocks (seen.js) and the
 * measurements (t.js) may each fail by themselves.
 *
 * Attributes of the script element: data-site, data-consent (0, 1, or `wait` until the person has answered), data-keep (more
 * query names, comma separated), data-status (of an error page), data-release (of the site), data-technical and data-sample
 * (then t.js is loaded).
 */
{
  const safe = (work) => (event) => {
    try {
      work(event);
    } catch {}
  };
  // `document.name` may be a form or an image that the page calls so.
  const read = (name) => Reflect.get(Document.prototype, name, document);

  safe(() => {
    const tag = read("currentScript");
    const set = tag.dataset;
    const base = new URL(".", tag.src);
    // A tag that is included twice (such as in a template and in a tag manager) counts once. No element of the page can have
    // this name. A page saved on a disk is no page of the site, and its path may name the person.
    const mark = "px-" + set.site;
    if (location < "h" || navigator[mark]) return;
    navigator[mark] = 1;

    let here, page, answer, settling, looking, seen;
    const signal = navigator.doNotTrack > 0 || navigator.globalPrivacyControl;
    // Every name of pipeline/settings/ad_names.py; the collector drops others that look like one. Without data-keep the list ends
    // with "undefined", which no page uses.
    const kept = RegExp("^(utm_\\w+|\\w*cl(ic)?k?id|[gw]braid|li_fat_id|epik|sccid|rdt_cid|awc|cjevent|admitad_uid|tduid|" + set.keep?.replace(/[^\w.-]/g, "|") + ")=.", "i");

    const held = [];
    const post = (hit) => {
      // The newest answer given on the page counts, also after a script has replaced the body; before one, what is printed, and
      // a refusal printed first holds.
      const said =
        signal || (set.consent == "0" && !answer) ? "0" : answer || (read("querySelector").call(document, "script[data-site='" + set.site + "']") || tag).dataset.consent;
      if (said > "1" && !read("hidden")) return held.push(hit);
      hit.c = said == "1" ? said : said && "0";
      // Old libraries let arrays write themselves as texts.
      const body = "[" + JSON.stringify(hit) + "]";
      // A CORS request cannot withhold its Origin as a beacon does under some referrer policies. Without `keepalive` it would
      // end with the page, which a beacon survives.
      (async () => ("keepalive" in Request.prototype && fetch)(base + "e", { method: "POST", body, keepalive: true, credentials: "include" }))().catch(
        safe(() => navigator.sendBeacon?.(base + "e", body) || (new Image().src = base + "p.gif?" + new URLSearchParams(JSON.parse(body)[0]))),
      );
    };
    // Held hits, which wait for an answer, and ad blocks, also later ones.
    const look = safe(() => {
      looking = 0;
      held.splice(0).map(post);
      if (read("querySelector").call(document, "[data-pixel-ad]"))
        (seen = seen || import(base + "seen.js")).then((blocks) => blocks.look(post, page), safe);
    });

    // A page view is a new path that was shown, or the page restored by the back-forward cache (then the previous page is
    // unknown). A prerendered page and a tab in the background count when they are shown.
    const change = safe((event) => {
      const path = (location.origin + location.pathname).slice(0, 2000);
      const restored = event?.persisted;
      if ((restored || !here || (settling && path != here)) && !read("prerendering") && (settling > 0 || !read("hidden"))) {
        const query = location.search.split(/[?&]/).filter(kept.test, kept).join("&");
        page = {
          s: set.site,
          u: (path + (query && "?" + query)).slice(0, 2000),
          r: restored ? "" : here || read("referrer").split("?")[0],
          m: "js",
          // Also a page that makes Math.random repeat itself gets a new one.
          n: (Math.random() * Date.now()).toFixed(),
          e: here ? "" : set.status,
          v: set.release,
        };
        here = path;
        post(page);
      }
      settling = 0;
      look();
    });

    // A router may push an address and replace it: the one that settles is the page. Nobody sees a change of a hidden page until
    // it is shown; a replacement alone gives the same page another address.
    const soon = safe(() => {
      settling = 1; // also without timers
      settling = read("hidden") ? -1 : setTimeout(change, 150);
    });

    change();
    addEventListener("popstate", soon, true);
    addEventListener("pageshow", change, true);
    addEventListener("visibilitychange", change, true);
    addEventListener("prerenderingchange", change, true);
    if (set.technical && !signal && !(Math.random() >= set.sample)) import(base + "t.js").catch(safe);

    // An element with this id navigates nowhere.
    const pushed = history.pushState;
    if (self.navigation?.navigate)
      navigation.addEventListener("currententrychange", (event) => event.navigationType != "replace" && soon());
    else
      history.pushState = (...given) => {
        pushed.apply(history, given);
        soon();
      };

    // Also the tag that is no longer in the page: a consent manager may have kept it.
    [document, tag].map((node) =>
      new MutationObserver(
        safe((changes) => {
          changes.map(({ target: { dataset } }) => dataset?.site == set.site && (answer = dataset.consent));
          looking = looking || setTimeout(look, 500);
        }),
      ).observe(node, { subtree: true, childList: true, attributeFilter: ["data-consent"] }),
    );
  })();
}
