import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createOutsideEvents } from "../history/outside-events.ts";
import { stagingPathOf, targetPathOf } from "../kubernetes/kubelet/kubelet-files.ts";
import { aHistory, aMachine, diskUri } from "./testing/a-history.ts";
import { watchMounts } from "./watch-mounts.ts";

const STAGING = stagingPathOf("vol-1", "mount");
const TARGET = targetPathOf("vol-1", "pod-1", "mount");

/** What is reported when the plug-in of node-a removes a mount of vol-1, which pod-1 uses there. */
function unmounting(
  path: string,
  circumstances: {
    readonly couldWrite?: boolean;
    readonly isInApi?: boolean;
    readonly userOn?: string;
    readonly isOutOfService?: boolean;
    readonly state?: "off" | "running";
  } = {},
): readonly string[] {
  const history = aHistory();
  const outside = createOutsideEvents(history.clock);
  const node = aMachine("node-a");
  node.state = circumstances.state ?? "running";
  if (circumstances.isOutOfService === true) outside.noteOutOfService("node-a", true);
  const user = { podUid: "pod-1", volumeName: "vol-1", isInApi: circumstances.isInApi ?? true };
  const cluster = {
    usersOn: (nodeName: string) => (nodeName === (circumstances.userOn ?? "node-a") ? [user] : []),
    diskUriOf: (volumeName: string) => (volumeName === "vol-1" ? diskUri.toUpperCase() : undefined),
  };
  watchMounts({ ...history, cluster, outside });
  history.happen({
    kind: "unmounted",
    diskUri,
    machine: node.machine,
    path,
    couldWrite: circumstances.couldWrite ?? true,
  });
  return history.violations.map(({ detail }) => detail);
}

describe("no plug-in removes a mount in use", () => {
  it("reports the pod's own target, also of a raw device, and the staging mount", () => {
    const block = [targetPathOf("vol-1", "pod-1", "block"), stagingPathOf("vol-1", "block")];
    for (const path of [TARGET, STAGING, ...block]) {
      assert.deepEqual(unmounting(path), [
        `node-a unmounted vol-1 from ${path} while pod pod-1 has it there`,
      ]);
    }
  });

  it("accepts the target of another pod, which has ended", () => {
    assert.deepEqual(unmounting(targetPathOf("vol-1", "pod-0", "mount")), []);
  });

  it("accepts it if pod, disk or machine is gone, or the node is out of service", () => {
    const circumstances = [
      { userOn: "node-b" },
      { isInApi: false },
      { couldWrite: false },
      { state: "off" },
      { isOutOfService: true },
    ] as const;
    for (const one of circumstances) assert.deepEqual(unmounting(TARGET, one), [], JSON.stringify(one));
  });
});
