// The review queue in the browser: rules without any page.
//
// The part in hand is never exchanged under the operator's finger.

const MARGIN_MS = 400;

export class Queue {
  constructor() {
    this.items = new Map();
    this.handled = new Set();
    this.current = null;
    this.wanted = null; // a part that was taken back and is about to be in the station's list again
  }

  // Take the station's list; `now` in ms. Returns the parts that ran out of time unanswered.
  take(list, now) {
    const before = this.items;
    this.items = new Map();
    for (const item of list) {
      const known = before.get(item.part);
      const until = now + item.remaining_s * 1000;
      this.items.set(item.part, { ...item, until: known ? Math.min(known.until, until) : until });
    }
    for (const part of this.handled) if (!this.items.has(part)) this.handled.delete(part);
    return [...before.values()].filter((old) => !this.items.has(old.part) && !this.handled.has(old.part) && now >= old.until - MARGIN_MS);
  }

  // Parts that can be decided now, the nearest deadline first.
  open(now) {
    const items = [...this.items.values()].filter((item) => item.until > now && !this.handled.has(item.part));
    return items.sort((a, b) => a.until - b.until);
  }

  // Settle which part is in hand; the same one as long as it can be decided.
  hold(now) {
    const open = this.open(now);
    if (open.some((item) => item.part === this.wanted)) {
      this.current = this.wanted;
      this.wanted = null;
    }
    if (!open.some((item) => item.part === this.current)) this.current = open[0]?.part ?? null;
    return open.find((item) => item.part === this.current) ?? null;
  }

  choose(part) {
    if (this.items.has(part) && !this.handled.has(part)) this.current = part;
  }

  step(by, now) {
    const open = this.open(now);
    const place = open.findIndex((item) => item.part === this.current);
    if (open.length) this.current = open[(place + by + open.length) % open.length].part;
  }

  answered(part) {
    this.handled.add(part);
  }

  takenBack(item) {
    this.handled.delete(item.part);
    this.wanted = item.part;
  }
}
