import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { aLease } from "../../core/testing/a-lease.ts";
import { LeaseHighWaterMark } from "../../runtime/election/lease-high-water-mark.ts";
import { withControllerPorts } from "../testing/a-controller.ts";
import { UnschedulableNodes } from "./unschedulable-nodes.ts";

type Listener = (nodeName: string, changed: "node" | "users") => void;

/** A node that can be cordoned and uncordoned, and how long it has been seen so. */
function withNode(
  run: (node: {
    readonly setCordoned: (isCordoned: boolean) => void;
    /** The same, and nothing is seen of it. */
    readonly setCordonedUnseen: (isCordoned: boolean) => void;
    readonly forMs: () => number;
    readonly pass: (ms: number) => Promise<void>;
    readonly leaseHighWaterMark: LeaseHighWaterMark;
  }) => Promise<void>,
): Promise<void> {
  return withControllerPorts(async ({ ports }) => {
    const clock = createVirtualClock();
    const leaseHighWaterMark = new LeaseHighWaterMark();
    leaseHighWaterMark.saw(aLease({ counter: 9, incarnation: 1 }));
    const listeners: Listener[] = [];
    let isUnschedulable = false;
    const users = {
      ...ports.users,
      cachedNode: (nodeName: string) => ({ ...ports.users.cachedNode(nodeName), isUnschedulable }),
      onChange: (listener: Listener) => void listeners.push(listener),
    };
    const unschedulable = new UnschedulableNodes({ users, clock, leaseHighWaterMark });
    const setCordonedUnseen = (isCordoned: boolean): void => {
      isUnschedulable = isCordoned;
    };
    await run({
      setCordonedUnseen,
      setCordoned: (isCordoned) => {
        setCordonedUnseen(isCordoned);
        for (const listener of listeners) listener("node-a", "node");
      },
      forMs: () => unschedulable.forMs("node-a"),
      pass: (ms) => clock.advance(ms),
      leaseHighWaterMark,
    });
  });
}

describe("UnschedulableNodes", () => {
  it("counts from the cordon to its end, also while nothing asks", () =>
    withNode(async ({ forMs, pass, setCordoned, setCordonedUnseen }) => {
      assert.equal(forMs(), 0);
      await pass(60_000);
      setCordoned(true);
      await pass(20_000);
      assert.equal(forMs(), 20_000);
      setCordoned(false);
      setCordoned(true);
      await pass(5_000);
      assert.equal(forMs(), 5_000);
      setCordonedUnseen(false);
      assert.equal(forMs(), 0);
    }));

  // A backup may show a cordon that had ended, and the end was never seen.
  it("counts again from a rollback of the store, once for each", () =>
    withNode(async ({ forMs, pass, setCordoned, leaseHighWaterMark }) => {
      setCordoned(true);
      await pass(20_000);
      leaseHighWaterMark.saw(aLease({ counter: 10, incarnation: 1 }));
      assert.equal(forMs(), 20_000);
      leaseHighWaterMark.saw(aLease({ counter: 10, incarnation: 1, mark: 2 }));
      await pass(5_000);
      assert.equal(forMs(), 0);
      leaseHighWaterMark.saw(aLease({ counter: 10, incarnation: 2 }));
      await pass(5_000);
      assert.equal(forMs(), 5_000);
    }));
});
