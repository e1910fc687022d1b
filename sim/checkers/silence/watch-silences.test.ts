import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { aDriverNode } from "../../../src/controller/testing/a-driver-node.ts";
import type { AzDriverNode } from "../../../src/core/api/az-driver-node.ts";
import { aHistory } from "../testing/a-history.ts";
import { watchSilences } from "./watch-silences.ts";

interface Circumstances {
  /** From the node's last heartbeat until it is marked, in milliseconds. */
  readonly unchangedMs: number;
  readonly heartbeatDelayMs?: number;
}

/** A node sends a heartbeat, and is marked as silent later. */
async function aMark({ unchangedMs, heartbeatDelayMs }: Circumstances): Promise<readonly string[]> {
  const history = aHistory();
  watchSilences(history);
  const node = (heartbeat: number, readyForVolumeAllocation: boolean): AzDriverNode =>
    aDriverNode("node-a", { heartbeat, heartbeatDelayMs, readyForVolumeAllocation });
  const commit = (by: string, before: AzDriverNode, after: AzDriverNode): void =>
    history.commit({ kind: "AzDriverNode", name: "node-a", by, before, after });
  commit("node-a", node(6, true), node(7, true));
  await history.clock.advance(unchangedMs);
  commit("controller-1", node(7, true), node(7, false));
  return history.invariants();
}

/** The same, but with a second heartbeat, which a restored backup reverts. */
async function aMarkAfterRestore(unchangedMs: number): Promise<readonly string[]> {
  const history = aHistory();
  watchSilences(history);
  const node = (heartbeat: number, readyForVolumeAllocation: boolean): AzDriverNode =>
    aDriverNode("node-a", { heartbeat, readyForVolumeAllocation });
  const commit = (by: string, before: AzDriverNode, after: AzDriverNode): void =>
    history.commit({ kind: "AzDriverNode", name: "node-a", by, before, after });
  commit("node-a", node(6, true), node(7, true));
  await history.clock.advance(unchangedMs);
  commit("node-a", node(7, true), node(8, true));
  commit("controller-1", node(7, true), node(7, false));
  return history.invariants();
}

/** The same of a node whose last heartbeat has said that it is not ready. */
async function aMarkOfUnready(unchangedMs: number): Promise<readonly string[]> {
  const history = aHistory();
  watchSilences(history);
  const node = (heartbeat: number, statusMessage: string, isReady = false): AzDriverNode =>
    aDriverNode("node-a", { heartbeat, readyForVolumeAllocation: isReady, statusMessage });
  const commit = (by: string, before: AzDriverNode, after: AzDriverNode): void =>
    history.commit({ kind: "AzDriverNode", name: "node-a", by, before, after });
  commit("node-a", node(6, "ready", true), node(7, "its own reason"));
  await history.clock.advance(unchangedMs);
  commit("controller-1", node(7, "its own reason"), node(7, "silent"));
  return history.invariants();
}

describe("watchSilences", () => {
  it("counts the same for a node that has said itself that it is not ready", async () => {
    assert.deepEqual(await aMarkOfUnready(31_000), ["silenced-early"]);
    assert.deepEqual(await aMarkOfUnready(35_000), []);
  });

  it("counts from the heartbeat to which a restored backup has reverted the node", async () => {
    assert.deepEqual(await aMarkAfterRestore(35_000), []);
    assert.deepEqual(await aMarkAfterRestore(31_000), ["silenced-early"]);
  });

  it("reports a node that is marked before its heartbeat is stale", async () => {
    assert.deepEqual(await aMark({ unchangedMs: 31_000 }), ["silenced-early"]);
    assert.deepEqual(await aMark({ unchangedMs: 60_000, heartbeatDelayMs: 50_000 }), ["silenced-early"]);
  });

  it("reports no node that is marked after the time that it has stated", async () => {
    assert.deepEqual(await aMark({ unchangedMs: 35_000 }), []);
    assert.deepEqual(await aMark({ unchangedMs: 85_000, heartbeatDelayMs: 50_000 }), []);
  });
});
