import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createVirtualClock } from "../../adapters/virtual/virtual-clock.ts";
import { withControllerPorts } from "../testing/a-controller.ts";
import { UnschedulableNodes } from "./unschedulable-nodes.ts";

type Listener = (nodeName: string, changed: "node" | "users") => void;

describe("UnschedulableNodes", () => {
  it("counts from the cordon to its end, also while nothing asks", () =>
    withControllerPorts(async ({ ports }) => {
      const clock = createVirtualClock();
      const cordoned = new Set<string>();
      const listeners: Listener[] = [];
      const users = {
        ...ports.users,
        cachedNode: (nodeName: string) => ({
          ...ports.users.cachedNode(nodeName),
          isUnschedulable: cordoned.has(nodeName),
        }),
        onChange: (listener: Listener) => void listeners.push(listener),
      };
      const unschedulable = new UnschedulableNodes({ users, clock });
      const change = (act: () => unknown): void => {
        act();
        for (const listener of listeners) listener("node-a", "node");
      };

      assert.equal(unschedulable.forMs("node-a"), 0);
      await clock.advance(60_000);
      change(() => cordoned.add("node-a"));
      await clock.advance(20_000);
      assert.equal(unschedulable.forMs("node-a"), 20_000);
      change(() => cordoned.delete("node-a"));
      change(() => cordoned.add("node-a"));
      await clock.advance(5_000);
      assert.equal(unschedulable.forMs("node-a"), 5_000);
      cordoned.delete("node-a");
      assert.equal(unschedulable.forMs("node-a"), 0);
    }));
});
