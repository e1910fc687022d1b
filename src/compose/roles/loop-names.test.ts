import assert from "node:assert/strict";
import { it } from "node:test";
import { createControllers } from "../../controller/controllers.ts";
import { withControllerPorts } from "../../controller/testing/a-controller.ts";
import { runNode } from "../../node/lifecycle/run-node.ts";
import { withNode } from "../../node/testing/a-node.ts";
import type { LoopObserver } from "../../ports/loop-observer.ts";

it("no two loops of a process that is controller and node share a name", async () => {
  const names: string[] = [];
  const loops: LoopObserver = {
    runs: (loop) => {
      names.push(loop);
      return () => undefined;
    },
    passEnded: () => undefined,
  };
  await withControllerPorts(async ({ ports, clock, answerOf }) => {
    const lifetime = new AbortController();
    const running = createControllers({ ...ports, loops }, () => undefined)(lifetime.signal);
    assert.ok(await clock.runUntil(() => names.includes("resync"), 600_000), "the loops do not start");
    lifetime.abort();
    await answerOf(running);
  });
  await withNode({}, async ({ ports, answerOf }) => {
    const lifetime = new AbortController();
    const running = runNode({ ...ports(), loops }, lifetime.signal);
    assert.ok(names.includes("own-volumes"), "the node's loops do not start");
    lifetime.abort();
    await answerOf(running);
  });
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
    "their metrics would overwrite each other",
  );
});
