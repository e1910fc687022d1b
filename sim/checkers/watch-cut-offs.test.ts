import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { identity } from "../../src/core/testing/objects.ts";
import type { RecordChanges } from "../../src/core/testing/record-lists.ts";
import type { Json } from "../../src/emulator/model/api/json.ts";
import { createOutsideEvents } from "../history/outside-events.ts";
import { createVmChanges } from "../history/vm-changes.ts";
import { aHistory, aMachine, aVolume, aWriter, diskUri } from "./testing/a-history.ts";
import { watchCutOffs } from "./watch-cut-offs.ts";

const VM = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines";
/** Longer than any response is on its way. */
const LATER_MS = 10_000;

type Made = ReturnType<typeof aHistory> & {
  readonly outside: ReturnType<typeof createOutsideEvents>;
  readonly changedBy: (caller: string, vmName?: string, taking?: string, forcing?: string) => void;
};

/** node-a loses a disk that is mounted there; `isInApi`: whether its pod is still known. */
async function aDetach(circumstances: {
  readonly isInApi?: boolean;
  readonly state?: "running" | "frozen" | "off";
  readonly hadWritableMount?: boolean;
  /** Several nodes write the disk, and attach it by themselves. */
  readonly isNodesOwn?: boolean;
  /** Another machine reserves the disk, which stays attached. */
  readonly isReserved?: boolean;
  readonly before?: (made: Made) => void | Promise<void>;
}): Promise<readonly string[]> {
  const history = aHistory();
  const outside = createOutsideEvents(history.clock);
  const node = aMachine("node-a");
  node.state = circumstances.state ?? "running";
  const cluster = {
    usersOn: (nodeName: string) =>
      nodeName === "node-a"
        ? [{ podUid: "pod-1", volumeName: "vol-1", isInApi: circumstances.isInApi ?? true }]
        : [],
    diskUriOf: () => diskUri.toUpperCase(),
  };
  const calls: {
    readonly sequence: number;
    readonly atMs: number;
    readonly kind: "arm";
    readonly method: "PATCH";
    readonly path: string;
    readonly status: number;
    readonly caller: string;
    readonly body: Json;
  }[] = [];
  const changedBy = (caller: string, vmName = "node-a", taking?: string, forcing?: string): void => {
    const dataDisks =
      forcing === undefined
        ? []
        : [{ managedDisk: { id: forcing }, toBeDetached: true, detachOption: "ForceDetach" }];
    const body = {
      dataDisksToDetach: taking === undefined ? [] : [{ diskId: taking }],
      properties: { storageProfile: { dataDisks } },
    };
    calls.push({
      sequence: calls.length + 1,
      atMs: history.clock.elapsedMs(),
      kind: "arm",
      method: "PATCH",
      path: `${VM}/${vmName}`,
      status: 202,
      caller,
      body,
    });
  };
  const journal = { since: (sequence: number) => calls.filter((call) => call.sequence > sequence) };
  watchCutOffs({
    ...history,
    vmChanges: createVmChanges(journal),
    cluster,
    outside,
    isNodesOwn: () => circumstances.isNodesOwn ?? false,
    elapsedMsAt: (atMs) => atMs,
  });
  await circumstances.before?.({ ...history, outside, changedBy });
  const lost = {
    diskUri,
    machine: node.machine,
    hadWritableMount: circumstances.hadWritableMount ?? true,
  };
  history.happen(
    circumstances.isReserved === true ? { kind: "refused", ...lost } : { kind: "detached", lun: 0, ...lost },
  );
  return history.invariants();
}

/** The leader declares a fence of node-a. */
function declareFence({ commit }: Made): void {
  commit({
    kind: "AzVolume",
    name: "vol-1",
    before: aVolume(),
    after: aVolume({ fencing: { ...identity("node-a"), vmId: "guid-node-a" } }),
  });
}

const isCutOff = ["healthy-writer-cut-off"];

describe("no healthy writer is fenced", () => {
  it("reports a detach under a pod, also from a frozen machine that is in service", async () => {
    assert.deepEqual(await aDetach({}), isCutOff);
    assert.deepEqual(await aDetach({ state: "frozen" }), isCutOff);
    assert.deepEqual(await aDetach({ before: ({ changedBy }) => changedBy("controller-1") }), isCutOff);
  });

  it("reports a reservation under a pod, also after another client's change", async () => {
    const reserved = (circumstances: Parameters<typeof aDetach>[0]): ReturnType<typeof aDetach> =>
      aDetach({ isReserved: true, ...circumstances });
    assert.deepEqual(await reserved({}), isCutOff);
    assert.deepEqual(await reserved({ state: "frozen" }), isCutOff);
    assert.deepEqual(await reserved({ before: ({ changedBy }) => changedBy("outsider") }), isCutOff);
    assert.deepEqual(await reserved({ hadWritableMount: false }), []);
    assert.deepEqual(await reserved({ isInApi: false }), []);
    assert.deepEqual(
      await reserved({ before: ({ outside }) => outside.noteOutOfService("node-a", true) }),
      [],
    );
    const declaredBefore = async (made: Made): Promise<void> => {
      made.outside.noteOutOfService("node-a", true);
      declareFence(made);
      made.outside.noteOutOfService("node-a", false);
      await made.clock.advance(LATER_MS);
    };
    assert.deepEqual(await reserved({ before: declaredBefore }), []);
  });

  it("reports the driver's detach also after other clients changed that VM or another", async () => {
    const driver = ({ changedBy }: Made): void => {
      changedBy("outsider");
      changedBy("controller-1");
    };
    assert.deepEqual(await aDetach({ before: driver }), isCutOff);
    assert.deepEqual(await aDetach({ before: ({ changedBy }) => changedBy("outsider", "node-b") }), isCutOff);
  });

  it("accepts that the driver's next update carries out another client's detach, once", async () => {
    const carriedOut = (taking: string, isOffSince = false) => {
      return ({ changedBy, happen }: Made): void => {
        changedBy("outsider", "node-a", taking);
        changedBy("controller-1");
        if (isOffSince)
          happen({
            kind: "detached",
            diskUri,
            machine: aMachine("node-a").machine,
            lun: 0,
            hadWritableMount: false,
          });
      };
    };
    assert.deepEqual(await aDetach({ before: carriedOut(diskUri.toUpperCase()) }), []);
    assert.deepEqual(await aDetach({ before: carriedOut(`${diskUri}-2`) }), isCutOff);
    assert.deepEqual(await aDetach({ before: carriedOut(diskUri, true) }), isCutOff);
  });

  it("reports a forced detach that others requested, or one after a new attach", async () => {
    const forced = ({ changedBy }: Made): void => {
      changedBy("outsider", "node-a", diskUri);
      changedBy("controller-1", "node-a", undefined, diskUri.toUpperCase());
    };
    assert.deepEqual(await aDetach({ before: forced }), isCutOff);
    const attachedSince = ({ changedBy, happen }: Made): void => {
      changedBy("outsider", "node-a", diskUri);
      changedBy("controller-1");
      happen({ kind: "attached", diskUri, machine: aMachine("node-a").machine, lun: 0 });
    };
    assert.deepEqual(await aDetach({ before: attachedSince }), isCutOff);
  });

  it("reports that a fence of another volume carried it out in service", async () => {
    const beside = (sent: (made: Made) => Promise<void>) => {
      return async (made: Made): Promise<void> => {
        const fenced = aVolume({ fencing: { ...identity("node-a"), vmId: "guid-node-a" } });
        const detail = { ...fenced.status?.detail, diskUri: `${diskUri}-2` };
        made.commit({
          kind: "AzVolume",
          name: "vol-1",
          before: aVolume(),
          after: aVolume({ writer: aWriter("node-a", 1) }),
        });
        made.commit({
          kind: "AzVolume",
          name: "vol-2",
          before: undefined,
          after: { ...fenced, status: { ...fenced.status, detail } } as typeof fenced,
        });
        made.changedBy("outsider", "node-a", diskUri);
        await sent(made);
      };
    };
    const marked = async ({ outside, changedBy, clock }: Made): Promise<void> => {
      outside.noteOutOfService("node-a", true);
      changedBy("controller-1");
      outside.noteOutOfService("node-a", false);
      await clock.advance(LATER_MS);
    };
    const unmarkedBefore = async ({ outside, changedBy, clock }: Made): Promise<void> => {
      outside.noteOutOfService("node-a", true);
      outside.noteOutOfService("node-a", false);
      await clock.advance(LATER_MS);
      changedBy("controller-1");
    };
    assert.deepEqual(
      await aDetach({ before: beside(async ({ changedBy }) => changedBy("controller-1")) }),
      isCutOff,
    );
    assert.deepEqual(await aDetach({ before: beside(unmarkedBefore) }), isCutOff);
    assert.deepEqual(await aDetach({ before: beside(marked) }), []);
  });

  it("reports that it was carried out after the record was lost", async () => {
    const lost = (made: Made, ...since: readonly ReturnType<typeof aVolume>[]): void => {
      const before = aVolume({ writer: aWriter("node-a", 1) });
      made.commit({ kind: "AzVolume", name: "vol-1", before: undefined, after: before });
      made.changedBy("outsider", "node-a", diskUri);
      made.commit({ kind: "AzVolume", name: "vol-1", before, after: undefined });
      for (const after of since) made.commit({ kind: "AzVolume", name: "vol-1", before: undefined, after });
      made.changedBy("controller-1");
    };
    const onNodeA = { ...identity("node-a"), vmId: "guid-node-a" };
    assert.deepEqual(await aDetach({ before: (made) => lost(made) }), isCutOff);
    assert.deepEqual(
      await aDetach({ before: (made) => lost(made, aVolume({ unverified: [onNodeA] })) }),
      isCutOff,
    );
    assert.deepEqual(
      await aDetach({ before: (made) => lost(made, aVolume({ unverified: [identity("node-b")] })) }),
      [],
    );
    const withoutNodeA: RecordChanges = { defaultAccess: "quarantined", unverified: [identity("node-b")] };
    assert.deepEqual(await aDetach({ before: (made) => lost(made, aVolume(withoutNodeA)) }), isCutOff);
    assert.deepEqual(
      await aDetach({ before: (made) => lost(made, aVolume({ ...withoutNodeA, clean: [onNodeA] })) }),
      [],
    );
    const granted: RecordChanges = {
      defaultAccess: "quarantined",
      writer: { ...aWriter("node-a", 1), vmId: onNodeA.vmId, held: false },
    };
    assert.deepEqual(await aDetach({ before: (made) => lost(made, aVolume(granted)) }), []);
  });

  it("reports a fence that was decided after the node was out of service", async () => {
    const late = async (made: Made): Promise<void> => {
      made.outside.noteOutOfService("node-a", true);
      made.outside.noteOutOfService("node-a", false);
      await made.clock.advance(LATER_MS);
      declareFence(made);
    };
    assert.deepEqual(await aDetach({ before: late }), isCutOff);
    const ended = async (made: Made): Promise<void> => {
      made.outside.noteOutOfService("node-a", true);
      declareFence(made);
      made.commit({
        kind: "AzVolume",
        name: "vol-1",
        before: aVolume({ fencing: { ...identity("node-a"), vmId: "guid-node-a" } }),
        after: aVolume(),
      });
      made.outside.noteOutOfService("node-a", false);
      await made.clock.advance(LATER_MS);
    };
    assert.deepEqual(await aDetach({ before: ended }), isCutOff);
  });

  it("reports it if the VM being fenced since then is an earlier one of that name", async () => {
    const before = async (made: Made): Promise<void> => {
      made.outside.noteOutOfService("node-a", true);
      made.commit({
        kind: "AzVolume",
        name: "vol-1",
        before: aVolume(),
        after: aVolume({ fencing: { ...identity("node-a"), vmId: "guid-of-an-earlier-node-a" } }),
      });
      made.outside.noteOutOfService("node-a", false);
      await made.clock.advance(LATER_MS);
    };
    assert.deepEqual(await aDetach({ before }), isCutOff);
  });

  it("reports it without a user, too, while the grant stands that the node acquired", async () => {
    const granted = { ...aWriter("node-a", 1), held: false };
    const held = aWriter("node-a", 1);
    const acquired =
      (by: string, ...then: readonly (ReturnType<typeof aVolume> | undefined)[]) =>
      ({ commit }: Made): void => {
        let before: ReturnType<typeof aVolume> | undefined = aVolume({ writer: granted });
        for (const after of [aVolume({ writer: held }), ...then]) {
          commit({ kind: "AzVolume", name: "vol-1", by, before, after });
          before = after;
        }
      };
    const isReported = async (before: (made: Made) => void): Promise<boolean> =>
      (await aDetach({ isInApi: false, before })).length > 0;
    const onNodeA = { ...identity("node-a"), vmId: "guid-node-a" };
    const unrequested = { ...held, requested: false };
    assert.ok(await isReported(acquired("node-a")));
    assert.ok(await isReported(acquired("node-a", aVolume({ writer: unrequested }))));
    for (const [because, then] of [
      ["released", aVolume({ writer: granted })],
      ["fenced", aVolume({ writer: unrequested, fencing: onNodeA })],
      ["granted again", aVolume({ writer: { ...held, epoch: 2 } })],
      ["erased", undefined],
    ] as const)
      assert.equal(await isReported(acquired("node-a", then)), false, because);
    assert.equal(await isReported(acquired("backup")), false, "a backup says so");
    assert.equal(await isReported(acquired("node-a", undefined, aVolume({ writer: held }))), false);
  });

  it("accepts it without a user, by another client, or from a node declared dead", async () => {
    assert.deepEqual(await aDetach({ hadWritableMount: false }), []);
    assert.deepEqual(await aDetach({ isInApi: false }), []);
    assert.deepEqual(await aDetach({ state: "off" }), []);
    assert.deepEqual(
      await aDetach({ before: ({ outside }) => outside.noteOutOfService("node-a", true) }),
      [],
    );
    assert.deepEqual(await aDetach({ before: ({ changedBy }) => changedBy("outsider") }), []);
  });

  it("reports it of a node that alone knows its pods", async () => {
    assert.deepEqual(await aDetach({ isInApi: false, isNodesOwn: true }), isCutOff);
  });

  it("accepts a detach, without a record, sent while the node was out of service", async () => {
    const detach =
      (record: boolean) =>
      async (made: Made): Promise<void> => {
        if (record) made.commit({ kind: "AzVolume", name: "vol-1", before: undefined, after: aVolume({}) });
        made.outside.noteOutOfService("node-a", true);
        made.changedBy("controller-1");
        made.outside.noteOutOfService("node-a", false);
        await made.clock.advance(LATER_MS);
      };
    assert.deepEqual(await aDetach({ before: detach(false) }), []);
    assert.deepEqual(await aDetach({ before: detach(true) }), isCutOff);
  });

  it("accepts a fence declared while the node was out of service that ends later", async () => {
    const before = async (made: Made): Promise<void> => {
      made.outside.noteOutOfService("node-a", true);
      declareFence(made);
      made.outside.noteOutOfService("node-a", false);
      await made.clock.advance(LATER_MS);
    };
    assert.deepEqual(await aDetach({ before }), []);
  });

  it("accepts such a fence after record loss, until the node writes by a new record", async () => {
    const lost = async (made: Made, ...since: readonly ReturnType<typeof aVolume>[]): Promise<void> => {
      made.outside.noteOutOfService("node-a", true);
      declareFence(made);
      made.outside.noteOutOfService("node-a", false);
      await made.clock.advance(LATER_MS);
      made.commit({
        kind: "AzVolume",
        name: "vol-1",
        before: aVolume({ fencing: { ...identity("node-a"), vmId: "guid-node-a" } }),
        after: undefined,
      });
      let before: ReturnType<typeof aVolume> | undefined;
      for (const after of since) {
        made.commit({ kind: "AzVolume", name: "vol-1", before, after });
        before = after;
      }
    };
    const writtenBy = (nodeName: string): ReturnType<typeof aVolume> =>
      aVolume({ writer: aWriter(nodeName, 1) });
    assert.deepEqual(await aDetach({ before: (made) => lost(made) }), []);
    assert.deepEqual(await aDetach({ before: (made) => lost(made, aVolume()) }), []);
    assert.deepEqual(await aDetach({ before: (made) => lost(made, aVolume(), writtenBy("node-b")) }), []);
    assert.deepEqual(
      await aDetach({ before: (made) => lost(made, aVolume(), writtenBy("node-a")) }),
      isCutOff,
    );
  });
});
