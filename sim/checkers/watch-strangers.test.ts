import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BYSTANDER, NEIGHBOUR } from "../azure/strangers.ts";
import { diskUriOf, instanceUriOf } from "../azure/vm-names.ts";
import { aHistory, aMachine, aVolume, diskUri } from "./testing/a-history.ts";
import { watchStrangers } from "./watch-strangers.ts";

const theirs = diskUriOf("neighbour-shared");

type Call = Partial<
  Parameters<typeof watchStrangers>[0]["journal"] extends {
    since(sequence: number): readonly (infer Entry)[];
  }
    ? Entry
    : never
>;

/** What is reported when this is requested of Azure. */
function asked(call: Call): readonly string[] {
  const history = aHistory();
  const entry = {
    sequence: 1,
    kind: "arm",
    method: "PATCH",
    path: instanceUriOf("node-a"),
    caller: "controller-1",
    status: 202,
    ...call,
  } as const;
  const watch = watchStrangers({
    ...history,
    journal: { since: (sequence) => [entry].filter((one) => one.sequence > sequence) },
  });
  watch.look();
  watch.look();
  return history.violations.map(({ invariant, detail }) => `${invariant}: ${detail}`);
}

const quiet = { since: () => [] };

describe("resources of other clusters stay as they are", () => {
  it("reports each request about another cluster's disk or VM once, whatever names it", () => {
    const detach = { dataDisksToDetach: [{ diskId: theirs }] };
    const list = {
      properties: { storageProfile: { dataDisks: [{ managedDisk: { id: theirs.toUpperCase() } }] } },
    };
    const copy = { properties: { creationData: { sourceResourceId: theirs } } };
    const rows: readonly (readonly [Call, string])[] = [
      [{ method: "DELETE", path: theirs }, "DELETE neighbour-shared, which is about neighbour-shared"],
      [{ path: theirs.toUpperCase() }, "PATCH NEIGHBOUR-SHARED, which is about NEIGHBOUR-SHARED"],
      [{ path: instanceUriOf(NEIGHBOUR) }, "PATCH flex_neighbour, which is about flex_neighbour"],
      [{ method: "POST", body: detach }, "POST flex_node-a, which is about neighbour-shared"],
      [{ body: list }, "PATCH flex_node-a, which is about NEIGHBOUR-SHARED"],
      [{ method: "PUT", path: diskUri, body: copy }, "PUT vol-1, which is about neighbour-shared"],
    ];
    for (const [call, what] of rows)
      assert.deepEqual(asked(call), [`neighbour-touched: controller-1 requested ${what} of another cluster`]);
    const action = { method: "POST", path: `${instanceUriOf(NEIGHBOUR)}/attachDetachDataDisks` } as const;
    assert.equal(asked(action).length, 1);
  });

  it("reports requests about a live cluster's disk, and its disk on an own machine", () => {
    const history = aHistory();
    const azure = { ...history.azure, isOthers: (resourceUri: string) => resourceUri === diskUri };
    const entry = {
      sequence: 1,
      kind: "arm",
      method: "DELETE",
      path: diskUri,
      caller: "controller-1",
      status: 202,
    } as const;
    const watch = watchStrangers({
      ...history,
      azure,
      journal: { since: (sequence) => (sequence === 0 ? [entry] : []) },
    });
    watch.look();
    history.happen({ kind: "attached", diskUri, machine: aMachine("node-a").machine, lun: 0 });
    assert.deepEqual(history.invariants(), ["neighbour-touched", "neighbour-touched"]);
  });

  it("accepts the deletion of a disk whose name another cluster has taken since", () => {
    const history = aHistory();
    const takenAt = 2;
    const isOthers = (_: string, sequence = Infinity): boolean => sequence >= takenAt;
    const calls = [takenAt - 1, takenAt].map(
      (sequence) =>
        ({
          sequence,
          kind: "arm",
          method: "DELETE",
          path: diskUri,
          caller: "controller-1",
          status: 202,
        }) as const,
    );
    const watch = watchStrangers({
      ...history,
      azure: { ...history.azure, isOthers },
      journal: { since: (seen) => calls.filter(({ sequence }) => sequence > seen) },
    });
    watch.look();
    assert.deepEqual(history.invariants(), ["neighbour-touched"]);
  });

  it("reports each request to a VM that is not a node", () => {
    const detail = "controller-1 requested PATCH flex_bystander, and that VM is no node";
    assert.deepEqual(asked({ path: instanceUriOf(BYSTANDER) }), [`bystander-cut-off: ${detail}`]);
  });

  it("accepts reads, other clients' requests, and the cluster's own disks and VMs", () => {
    const rows: readonly Call[] = [
      { method: "GET", path: theirs },
      { method: "DELETE", path: theirs, caller: "outsider" },
      { method: "DELETE", path: theirs, status: 204 },
      { path: instanceUriOf(BYSTANDER), caller: "outsider" },
      { kind: "admin", path: theirs },
      { method: "DELETE", path: diskUri },
      {},
    ];
    for (const call of rows) assert.deepEqual(asked(call), [], JSON.stringify(call));
  });

  it("reports an AzVolume of another cluster's disk, also before it has a status", () => {
    const history = aHistory();
    watchStrangers({ ...history, journal: quiet });
    const own = aVolume();
    const adopted = { ...own, spec: { ...own.spec, diskUri: theirs }, status: undefined };
    history.commit({ kind: "AzVolume", name: "vol-1", before: undefined, after: own });
    assert.deepEqual(history.violations, []);
    history.commit({ kind: "AzVolume", name: "vol-1", before: undefined, after: adopted });
    assert.deepEqual(history.invariants(), ["neighbour-touched"]);
    // The volume's own disk, of whose name another client has made another.
    history.commit({ kind: "AzVolume", name: "vol-1", before: adopted, after: adopted });
    assert.deepEqual(history.invariants(), ["neighbour-touched"]);
  });

  it("reports another cluster's disk if it moves, or another VM writes to it", () => {
    const history = aHistory();
    watchStrangers({ ...history, journal: quiet });
    const [own, node] = [aMachine(NEIGHBOUR).machine, aMachine("node-a").machine];
    history.happen({ kind: "wrote", diskUri: theirs, machine: own, by: "flush" });
    history.happen({ kind: "wrote", diskUri, machine: node, by: "flush" });
    history.happen({ kind: "attached", diskUri, machine: aMachine(BYSTANDER).machine, lun: 0 });
    assert.deepEqual(history.violations, []);
    history.happen({ kind: "wrote", diskUri: theirs, machine: node, by: "flush" });
    history.happen({ kind: "detached", diskUri: theirs, machine: own, lun: 0, hadWritableMount: false });
    assert.deepEqual(history.invariants(), ["neighbour-touched", "neighbour-touched"]);
  });
});
