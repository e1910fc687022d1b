import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CONTROLLER_LEASE } from "../../src/core/api/lease.ts";
import { aLease } from "../../src/core/testing/a-lease.ts";
import { aHistory, aVolume } from "./testing/a-history.ts";
import { watchPace } from "./watch-pace.ts";

const limits = { writesOfObjectMax: 10, callsOfResourceMax: 10 };

/** A history with a journal of calls. */
function aBusyWorld() {
  const history = aHistory();
  const entries: { sequence: number; atMs: number; kind: "arm" | "poll"; path: string }[] = [];
  const watch = watchPace(
    { ...history, journal: { since: (sequence) => entries.filter((entry) => entry.sequence > sequence) } },
    limits,
  );
  const call = (kind: "arm" | "poll", path: string, atMs: number): void => {
    entries.push({ sequence: entries.length + 1, atMs, kind, path });
  };
  const write = (name: string, atMs: number): void =>
    history.commit({ kind: "AzVolume", name, before: aVolume(), after: aVolume(), atMs });
  return { history, watch, call, write };
}

describe("no loop spins", () => {
  it("accepts many objects, and one that is written repeatedly over hours", () => {
    const { history, watch, call, write } = aBusyWorld();
    for (let at = 0; at < 100; at++) {
      write("vol-1", at * 6_000);
      write(`other-${at}`, 0);
      call("arm", `/vm-${at}`, 0);
      call("poll", "/operation", 0);
    }
    watch.look();
    assert.deepEqual([history.violations, watch.armCalls()], [[], 100]);
  });

  it("reports a burst that spans two minutes of the clock", () => {
    const { history, watch, call, write } = aBusyWorld();
    for (let at = 0; at < 12; at++) {
      write("vol-1", 54_500 + at * 1_000);
      call("arm", "/vm-1", 54_500 + at * 1_000);
    }
    watch.look();
    assert.deepEqual(history.invariants(), ["spinning", "spinning"]);
  });

  it("counts the store incarnations that restored backups have taken back", () => {
    const { history, watch } = aBusyWorld();
    const leases = [
      aLease({}),
      aLease({ mark: 1 }),
      aLease({ incarnation: 1 }),
      aLease({ incarnation: 0, counter: 2 }),
      aLease({ incarnation: 4 }),
      aLease({ incarnation: 1 }),
      aLease({ incarnation: 2 }),
    ];
    for (const [at, after] of leases.entries())
      history.commit({ kind: "Lease", name: CONTROLLER_LEASE, before: leases[at - 1], after });
    assert.equal(watch.incarnationsLost(), 1 + 3);
  });

  it("accepts the allowed number within a minute, one minute after the other", () => {
    const { history, watch, call, write } = aBusyWorld();
    for (let at = 0; at < 100; at++) {
      const atMs = Math.floor(at / 10) * 60_000 + 59_000;
      write("vol-1", atMs);
      call("arm", "/vm-1", atMs);
    }
    watch.look();
    assert.deepEqual(history.violations, []);
  });

  it("reports an object and a resource that are constantly busy, once each", () => {
    const { history, watch, call, write } = aBusyWorld();
    for (let at = 0; at < 50; at++) {
      write("vol-1", 61_000);
      call("arm", "/vm-1", 61_000);
    }
    watch.look();
    watch.look();
    assert.deepEqual(
      history.violations.map(({ detail }) => detail),
      [
        "AzVolume vol-1 was written more than 10 times in a minute",
        "Azure was called more than 10 times in a minute about /vm-1",
      ],
    );
  });
});
