// Sending what the operator decided, and taking it back. The station holds an answer for a moment in which nothing has
// happened yet; here stands what it said of the last ones, so that undo can say honestly whether it is still possible.

import { Failure, post } from "./api.js";

const KEPT_MS = 20000; // how long after an answer undo still says why it is not possible any more

export class Answers {
  // `told(decision, outcome)` hears what became of each answer; outcome null means that it could not be sent.
  constructor(queue, told) {
    this.queue = queue;
    this.told = told;
    this.given = []; // {item, verdict, label, started, until, sent}: the latest last
  }

  decide(item, verdict, label, now) {
    this.queue.answered(item.part);
    const decision = { item, verdict, label, started: now, until: Infinity };
    this.given = [...this.given.filter((other) => now - other.started < KEPT_MS), decision];
    decision.sent = this.send(decision);
  }

  // The last answer that can still be taken back.
  pending(now) {
    return this.given.findLast((decision) => decision.until > now) ?? null;
  }

  // Whether the part was answered here and the station still holds that answer.
  holds(part, now) {
    return this.given.some((decision) => decision.item.part === part && decision.until > now);
  }

  // The last answer, where its time for undo is just over.
  settled(now) {
    const last = this.given.at(-1);
    return last && last.until <= now && now - last.started < KEPT_MS ? last : null;
  }

  // Resolves to the decision that was taken back. Throws Failure where the station says no; null: there was nothing.
  async undo(now) {
    const decision = this.pending(now) ?? this.settled(now);
    if (!decision) return null;
    await decision.sent;
    await post(`/api/parts/${decision.item.part}/undo`, {});
    this.given = this.given.filter((other) => other !== decision);
    this.queue.takenBack(decision.item);
    return decision;
  }

  forget() {
    this.given = [];
  }

  async send(decision) {
    const { item, verdict, label } = decision;
    try {
      const outcome = await post(`/api/parts/${item.part}/answer`, { verdict, label, hold: true }, true);
      const at = performance.now();
      decision.started = at;
      decision.until = outcome.outcome === "held" ? at + outcome.undo_s * 1000 : at;
      this.told(decision, outcome);
    } catch (error) {
      this.given = this.given.filter((other) => other !== decision);
      this.queue.handled.delete(item.part);
      this.told(decision, null, error instanceof Failure ? error : null);
    }
  }
}
