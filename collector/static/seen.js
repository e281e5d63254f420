/*
 * Ad blocks in view: p.js loads this file only on a page that has an element with data-pixel-ad.
 *
 * An ad block counts once a page view, when half of it was in view for one second without a break while the page was visible
 * (MRC viewable display impression); at most 100 blocks a page view. A block that is empty, transparent or invisible is looked
 * at again each second.
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

/* Whether there is anything to see of a block, or of what floats out of a block without a height. */
const VISIBLE = { opacityProperty: true, visibilityProperty: true };
const hasSize = (element) => {
  const { width, height } = element.getBoundingClientRect();
  return width * height > 0;
};
const isShown = (block) =>
  (hasSize(block) || [...block.querySelectorAll("*")].some(hasSize)) && (block.checkVisibility?.(VISIBLE) ?? true);

/* Watches the blocks for one tag. */
const watcher = (post) => {
  const waiting = new Map();
  const known = new Map();
  const told = new Set();
  let page, finding;

  const forget = (block) => {
    clearInterval(waiting.get(block));
    waiting.delete(block);
  };
  const tell = (ad) => {
    if (!ad || told.has(ad) || told.size >= MOST) return;
    told.add(ad);
    post({ ...page, a: ad });
  };
  const wait = (block) => {
    const ad = block.dataset.pixelAd;
    let was = isShown(block);
    const look = safe(() => {
      const is = isShown(block);
      if (is && was) {
        forget(block);
        tell(ad);
      }
      was = is;
    });
    waiting.set(block, setInterval(look, SECOND_MS));
  };
  const observer = new IntersectionObserver(
    safe((entries) =>
      entries.forEach(({ target, intersectionRatio }) => {
        forget(target);
        if (intersectionRatio >= HALF && !hidden()) wait(target);
      }),
    ),
    { threshold: HALF },
  );
  const find = safe(() => {
    finding = 0;
    if (hidden()) return;
    blocks().forEach((block) => {
      const ad = block.dataset.pixelAd;
      if (known.get(block) == ad) return;
      // Another ad in the place of an old one begins its own second.
      observer.unobserve(block);
      observer.observe(block);
      known.set(block, ad);
    });
    [...known.keys()].forEach((block) => block.isConnected || leave(block));
  });
  const leave = (block) => {
    forget(block);
    observer.unobserve(block);
    known.delete(block);
  };
  // A hidden page shows nothing: when it is visible again, and on a new page view, every second starts again.
  const restart = () => {
    [...known.keys()].forEach(leave);
    find();
  };
  addEventListener("visibilitychange", safe(restart), true);
  const later = safe(() => (finding = finding || setTimeout(find, 500)));
  new MutationObserver(later).observe(document, { subtree: true, attributeFilter: ["data-pixel-ad"] });

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
  safe(() => {
    if (!watchers.has(post)) watchers.set(post, watcher(post));
    watchers.get(post)(page);
  })();
};
