import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createOutsideEvents } from "../history/outside-events.ts";
import { aHistory, aMachine, diskUri } from "./testing/a-history.ts";
import { watchCutOffs } from "./watch-cut-offs.ts";

/** node-a loses a disk that is mounted there; `isInApi`: whether its pod is still known. */
function aDetach(circumstances: {
  readonly isInApi?: boolean;
  readonly state?: "running" | "frozen" | "off";
  readonly hadWritableMount?: boolean;
  readonly before?: (outside: ReturnType<typeof createOutsideEvents>) => void;
}): readonly string[] {
  const history = aHistory();
  const outside = createOutsideEvents(history.clock);
  const node = aMachine("node-a");
  node.state = circumstances.state ?? "running";
  const cluster = {
    containersOn: (nodeName: string) => (nodeName === "node-a" ? [{ podUid: "pod-1", volumeName: "vol-1", isInApi: circumstances.isInApi ?? true }] : []),
    diskUriOf: () => diskUri.toUpperCase(),
  };
  watchCutOffs({ ...history, cluster, outside });
  circumstances.before?.(outside);
  history.happen({ kind: "detached", diskUri, machine: node.machine, lun: 0, hadWritableMount: circumstances.hadWritableMount ?? true });
  return history.invariants();
}

describe("no healthy writer is cut off", () => {
  it("reports a disk that is taken from a pod, on a frozen machine as well: it is in service", () => {
    assert.deepEqual(aDetach({}), ["healthy-writer-cut-off"]);
    assert.deepEqual(aDetach({ state: "frozen" }), ["healthy-writer-cut-off"]);
  });

  it("is content where nobody is hurt, or where somebody said that the node is dead", () => {
    assert.deepEqual(aDetach({ hadWritableMount: false }), []);
    assert.deepEqual(aDetach({ isInApi: false }), []);
    assert.deepEqual(aDetach({ state: "off" }), []);
    assert.deepEqual(aDetach({ before: (outside) => outside.noteOutOfService("node-a", true) }), []);
    assert.deepEqual(
      aDetach({
        before: (outside) => {
          outside.noteOutOfService("node-a", true);
          outside.noteOutOfService("node-a", false);
        },
      }),
      [],
    );
    assert.deepEqual(aDetach({ before: (outside) => outside.noteHandOn(diskUri) }), []);
  });
});
