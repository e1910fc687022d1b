import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aDriverNode } from "../../../src/controller/testing/a-driver-node.ts";
import { instanceUriOf, settings } from "../../../src/core/testing/objects.ts";
import { aHistory } from "../testing/a-history.ts";
import { watchPowerOffs } from "./watch-power-offs.ts";

interface Circumstances {
  readonly silentNodes?: "wait" | "power-off";
  /** From the last heartbeat of the node, and of the other one, until the request, in milliseconds. */
  readonly silentMs?: number;
  readonly otherSilentMs?: number;
  readonly caller?: string;
}

/** Two nodes send heartbeats, and the VM of one is powered off. */
async function aPowerOff({
  silentNodes = "power-off",
  silentMs = 65_000,
  otherSilentMs = 5_000,
  caller = "controller-1",
}: Circumstances): Promise<readonly string[]> {
  const history = aHistory();
  const path = `${instanceUriOf("node-a")}/powerOff`;
  let calls: readonly { sequence: number; atMs: number; path: string; caller: string }[] = [];
  const watch = watchPowerOffs(
    {
      ...history,
      azure: { nodeNameAt: () => "node-a" },
      journal: { since: (sequence) => calls.filter((call) => call.sequence > sequence) },
      elapsedMsAt: (atMs) => atMs,
    },
    { ...settings, silentNodes },
  );
  const beat = (name: string): void =>
    history.commit({
      kind: "AzDriverNode",
      name,
      by: name,
      before: undefined,
      after: aDriverNode(name),
    });
  const last = [
    { name: "node-a", beforeMs: silentMs },
    { name: "node-b", beforeMs: otherSilentMs },
  ].toSorted((left, right) => right.beforeMs - left.beforeMs);
  let leftMs = Math.max(silentMs, otherSilentMs);
  for (const { name, beforeMs } of last) {
    await history.clock.advance(leftMs - beforeMs);
    leftMs = beforeMs;
    beat(name);
  }
  await history.clock.advance(leftMs);
  calls = [{ sequence: 1, atMs: history.clock.elapsedMs(), path, caller }];
  watch.look();
  return history.violations.map(({ invariant, detail }) => `${invariant}: ${detail}`);
}

describe("watchPowerOffs", () => {
  it("allows that of a node that was silent for the whole time", async () =>
    assert.deepEqual(await aPowerOff({}), []));

  it("allows those of other clients", async () =>
    assert.deepEqual(await aPowerOff({ silentMs: 11_000, caller: "outsider" }), []));

  it("reports one that no setting allows", async () =>
    assert.deepEqual(await aPowerOff({ silentNodes: "wait" }), [
      "powered-off: controller-1 powered off node-a, though its settings leave that to a person",
    ]));

  it("reports that of a node that was heard lately", async () =>
    assert.deepEqual(await aPowerOff({ silentMs: 40_000 }), [
      "powered-off: controller-1 powered off node-a, which had sent a heartbeat lately",
    ]));

  it("reports one while every node was silent", async () =>
    assert.deepEqual(await aPowerOff({ otherSilentMs: 60_000 }), [
      "powered-off: controller-1 powered off node-a, while no other node was heard",
    ]));
});
