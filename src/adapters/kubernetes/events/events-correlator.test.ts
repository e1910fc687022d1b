import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EventCorrelator, type EventSubject, type SubjectEvent, type Verdict } from "./events-correlator.ts";

const pod: EventSubject = { apiVersion: "v1", kind: "Pod", namespace: "default", name: "db-0", uid: "uid-1" };
const MINUTE_MS = 60_000;

function aCorrelator(): EventCorrelator {
  let names = 0;
  return new EventCorrelator(({ name }) => `${name}.${++names}`);
}

function anEvent(overrides: Partial<SubjectEvent> = {}): SubjectEvent {
  const localKey = overrides.localKey ?? "node-b waits for node-a";
  return {
    subject: pod,
    type: "Normal",
    reason: "WaitingForWriter",
    message: localKey,
    localKey,
    ...overrides,
  };
}

function shown(objectName: string, firstMs: number, count: number, combined = false): Verdict {
  return { kind: "show", isNew: count === 1, combined, series: { objectName, firstMs, count } };
}

describe("EventCorrelator", () => {
  it("shows a lasting event once, counts repeats, and updates it every five minutes", () => {
    const correlator = aCorrelator();
    assert.deepEqual(correlator.decide(anEvent(), 0), shown("db-0.1", 0, 1));
    for (let second = 1; second < 300; second += 1)
      assert.deepEqual(correlator.decide(anEvent(), second * 1_000), { kind: "repeated" });
    assert.deepEqual(correlator.decide(anEvent(), 300_000), shown("db-0.1", 0, 301));
  });

  it("shows an event again at once after a silence", () => {
    const correlator = aCorrelator();
    correlator.decide(anEvent(), 0);
    assert.deepEqual(correlator.decide(anEvent(), 89_999), { kind: "repeated" });
    assert.deepEqual(correlator.decide(anEvent(), 89_999 + 90_000), shown("db-0.1", 0, 3));
  });

  it("shows another message, reason, type or object, but not another text of one event", () => {
    const correlator = aCorrelator();
    correlator.decide(anEvent(), 0);
    assert.deepEqual(
      correlator.decide(anEvent({ message: "node-b waits for node-a, tried again in 7 s" }), 1_000),
      { kind: "repeated" },
    );
    const others = [
      { localKey: "other" },
      { reason: "Fencing" },
      { type: "Warning" as const },
      { subject: { ...pod, uid: "uid-2" } },
      { subject: { ...pod, kind: "Node" } },
    ];
    for (const [index, other] of others.entries())
      assert.deepEqual(correlator.decide(anEvent(other), 1_000), shown(`db-0.${index + 2}`, 1_000, 1));
  });

  it("combines similar events from the tenth in ten minutes on, until a gap", () => {
    const correlator = aCorrelator();
    for (let nth = 1; nth < 10; nth += 1)
      assert.deepEqual(
        correlator.decide(anEvent({ localKey: `try ${nth}` }), nth),
        shown(`db-0.${nth}`, nth, 1),
      );
    assert.deepEqual(correlator.decide(anEvent({ localKey: "try 10" }), 10), shown("db-0.10", 10, 1, true));
    assert.deepEqual(correlator.decide(anEvent({ localKey: "try 11" }), 11), {
      ...shown("db-0.10", 10, 2, true),
      isNew: false,
    });
    assert.deepEqual(
      correlator.decide(anEvent({ localKey: "try 12" }), 12 + 10 * MINUTE_MS),
      shown("db-0.11", 12 + 10 * MINUTE_MS, 1),
    );
  });

  it("allows one object 25 events at once and one more every five minutes", () => {
    const correlator = aCorrelator();
    const reasons = Array.from({ length: 30 }, (_, index) => `Reason${index}`);
    const kinds = reasons.map((reason) => correlator.decide(anEvent({ reason }), 0).kind);
    assert.deepEqual(kinds, [
      ...Array.from({ length: 25 }, () => "show"),
      ...Array.from({ length: 5 }, () => "tooMany"),
    ]);
    assert.equal(correlator.decide(anEvent({ subject: { ...pod, name: "db-1" } }), 0).kind, "show");
    assert.equal(correlator.decide(anEvent({ reason: "Later" }), 5 * MINUTE_MS - 1).kind, "tooMany");
    assert.equal(correlator.decide(anEvent({ reason: "Later" }), 5 * MINUTE_MS).kind, "show");
    assert.equal(correlator.decide(anEvent({ reason: "Again" }), 5 * MINUTE_MS).kind, "tooMany");
  });

  it("updates what the kubelet repeats as its reason says, until a silence of 5 min", () => {
    const correlator = aCorrelator();
    const dead = anEvent({ reason: "MountDead", shownEveryMs: 30 * MINUTE_MS });
    assert.deepEqual(correlator.decide(dead, 0), shown("db-0.1", 0, 1));
    for (let minute = 2; minute < 30; minute += 2)
      assert.deepEqual(correlator.decide(dead, minute * MINUTE_MS), { kind: "repeated" });
    assert.deepEqual(correlator.decide(dead, 30 * MINUTE_MS), shown("db-0.1", 0, 16));
    assert.deepEqual(correlator.decide(dead, 35 * MINUTE_MS), shown("db-0.1", 0, 17));
  });

  it("shows one Event each for 10,000 volumes and their claims, however often repeated", () => {
    const correlator = aCorrelator();
    const subjects = Array.from({ length: 20_000 }, (_, nth) => ({
      ...pod,
      name: `pvc-${nth}`,
      uid: `uid-${nth}`,
    }));
    for (const subject of subjects) correlator.decide(anEvent({ subject }), 0);
    assert.deepEqual(
      [...new Set(subjects.map((subject) => correlator.decide(anEvent({ subject }), MINUTE_MS).kind))],
      ["repeated"],
    );
  });

  it("remembers no more than the latest few ten thousand", () => {
    const correlator = aCorrelator();
    correlator.decide(anEvent(), 0);
    for (let nth = 0; nth < 40_000; nth += 1)
      correlator.decide(anEvent({ subject: { ...pod, name: `db-${nth}`, uid: `uid-${nth}` } }), 1);
    assert.equal(correlator.decide(anEvent(), 2).kind, "show");
  });
});
