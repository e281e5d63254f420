/*
 * Ad blocks in view: p.js loads this file only on a page that has an element with data-pixel-ad.
 *
 * An ad block counts once a page view, when half of it was in view for one second without a break while the page was visible
 * (MRC viewable display impression); at most 100 blocks a page view.
 */
const HALF = 0.5;
const SECOND_MS = 1000;
const MOST = 100;

const safe = (work) => (given) => {
  try {
    work(given);
  } catch {}
};

// `document.name` may be a form or an image that the page calls so.
const hidden = () => Reflect.get(Document.prototype, "hidden", document);
const blocks = () => Document.prototype.querySelectorAll.call(document, "[data-pixel-ad]");

/* Watches the blocks for one tag. */
const watcher = (post) => {
  const waiting = new Map();
  const told = new Set();
  let page;

  const forget = (block) => {
    clearTimeout(waiting.get(block));
    waiting.delete(block);
  };
  const tell = (ad) => {
    if (told.has(ad) || told.size >= MOST) return;
    told.add(ad);
    post({ ...page, a: ad });
  };
  const observer = new IntersectionObserver(
    safe((entries) =>
      entries.forEach(({ target, intersectionRatio }) => {
        forget(target);
        const ad = target.dataset.pixelAd;
        if (intersectionRatio >= HALF && !hidden()) waiting.set(target, setTimeout(safe(() => tell(ad)), SECOND_MS));
      }),
    ),
    { threshold: HALF },
  );
  const find = () => hidden() || blocks().forEach((block) => observer.observe(block));
  // A hidden page shows nothing: when it is visible again, and on a new page view, every second starts again.
  const restart = () => {
    observer.disconnect();
    [...waiting.keys()].forEach(forget);
    find();
  };
  addEventListener("visibilitychange", safe(restart), true);

  return (current) => {
    if (current == page) return find();
    page = current;
    told.clear();
    restart();
  };
};

const watchers = new Map();

/* Looks for blocks on the page view `page`, an event as `post` sends it; p.js calls it whenever there may be new ones. */
export const look = (post, page) => {
  if (!page) return; // not shown yet
  if (!watchers.has(post)) watchers.set(post, watcher(post));
  watchers.get(post)(page);
};
