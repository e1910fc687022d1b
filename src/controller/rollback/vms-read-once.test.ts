import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, ok, type Result } from "../../core/failure/result.ts";
import { instanceUriOf } from "../../core/testing/objects.ts";
import type { CloudProvisioner, InstanceFacts } from "../../ports/cloud/cloud-provisioner.ts";
import { anInstance } from "../testing/an-instance.ts";
import { vmsReadOnce } from "./vms-read-once.ts";

type Read = CloudProvisioner["inspectInstance"];

const never = new AbortController().signal;
const unused = () => assert.fail("only VMs are read");
const lost = fail({ kind: "CloudUnavailable", code: "InternalError", message: "", requestId: "" } as const);

const aHealthyNode = { isGone: false, isOutOfService: false, isUnschedulable: false, labels: {}, taints: [] };

/** A cloud that counts its reads, and reads of node-a and node-b through `vmsReadOnce`. */
function counted(inspectInstance: Read): {
  readonly asked: string[];
  /** The uids of the orchestrator's nodes, by name. */
  readonly uids: Map<string, string>;
  readonly read: (nodeName: string, spelt?: (uri: string) => string) => ReturnType<Read>;
} {
  const asked: string[] = [];
  const uids = new Map<string, string>();
  const cloud = vmsReadOnce({
    cloud: {
      getDisk: unused,
      listDisks: unused,
      inspectInstance: (request, signal) => {
        asked.push(request.nodeName);
        return inspectInstance(request, signal);
      },
    },
    users: {
      cachedNode: (nodeName) => {
        const nodeUid = uids.get(nodeName);
        return { ...aHealthyNode, ...(nodeUid === undefined ? {} : { nodeUid }) };
      },
    },
  });
  const asIs = (uri: string): string => uri;
  return {
    asked,
    uids,
    read: (nodeName, spelt = asIs) =>
      cloud.inspectInstance({ nodeName, instanceUri: spelt(instanceUriOf(nodeName)) }, never),
  };
}

describe("vmsReadOnce", () => {
  it("answers all who ask for a VM with one read, however they spell its id", async () => {
    const { asked, read } = counted(async ({ nodeName }) => ok(anInstance(nodeName)));
    const both = await Promise.all([read("node-a"), read("node-a", (uri) => uri.toUpperCase())]);
    const later = await read("node-a");
    assert.deepEqual([...both, later], Array(3).fill(ok(anInstance("node-a"))));
    assert.deepEqual(await read("node-b"), ok(anInstance("node-b")));
    assert.deepEqual(asked, ["node-a", "node-b"]);
  });

  it("reads a VM again for a node that is not the one of the earlier read", async () => {
    const { asked, uids, read } = counted(async ({ nodeName }) => ok(anInstance(nodeName)));
    const namedB = (): string => instanceUriOf("node-a");
    for (const uid of ["uid-1", "uid-1", "uid-2", "uid-2"]) {
      uids.set("node-a", uid);
      await read("node-a");
    }
    assert.deepEqual(asked, ["node-a", "node-a"], "its Node was created again");
    await read("node-b", namedB);
    await read("node-b", namedB);
    assert.deepEqual(asked.slice(2), ["node-b"], "its id is another node's");
  });

  it("keeps no failure: those who wait receive it, and the next one reads again", async () => {
    const answers: Result<InstanceFacts, never>[] = [ok(anInstance("node-a"))];
    const { asked, read } = counted(async () => (asked.length === 1 ? lost : (answers[0] ?? lost)));
    assert.deepEqual(await Promise.all([read("node-a"), read("node-a")]), [lost, lost]);
    assert.deepEqual(await read("node-a"), answers[0]);
    assert.deepEqual(asked, ["node-a", "node-a"]);
  });

  it("keeps no read that was interrupted", async () => {
    const { read } = counted(async () => {
      if (isInterrupted) throw new Error("interrupted");
      return ok(anInstance("node-a"));
    });
    let isInterrupted = true;
    await assert.rejects(read("node-a"), /interrupted/u);
    isInterrupted = false;
    assert.deepEqual(await read("node-a"), ok(anInstance("node-a")));
  });
});
