// Sending what the operator decided, with a moment to take it back.

import { Failure, post } from "./api.js";
import { graceMs } from "./queue.js";

export class Answers {
  // `told(decision, outcome)` hears what became of each answer; outcome null means that it could not be sent.
  constructor(queue, told) {
    this.queue = queue;
    this.told = told;
    this.pending = null;
    addEventListener("pagehide", () => this.commit(true));
    document.addEventListener("visibilitychange", () => document.hidden && this.commit(true));
  }

  decide(item, verdict, label, now) {
    this.commit();
    this.queue.answered(item.part);
    const grace = graceMs(item.until - now);
    this.pending = { item, verdict, label, started: now, until: now + grace, timer: 0 };
    if (grace) this.pending.timer = setTimeout(() => this.commit(), grace);
    else this.commit();
  }

  undo() {
    if (!this.pending) return false;
    clearTimeout(this.pending.timer);
    this.queue.takenBack(this.pending.item.part);
    this.pending = null;
    return true;
  }

  commit(leaving = false) {
    const decision = this.pending;
    if (!decision) return;
    clearTimeout(decision.timer);
    this.pending = null;
    this.send(decision, leaving);
  }

  async send(decision, leaving = false) {
    const { item, verdict, label } = decision;
    try {
      this.told(decision, await post(`/api/parts/${item.part}/answer`, { verdict, label }, leaving));
    } catch (error) {
      this.queue.handled.delete(item.part);
      this.told(decision, null, error instanceof Failure ? error : null);
    }
  }
}
