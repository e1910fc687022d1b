import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { agoMs, anAttachment, aRecord, aReplica, aWriter, identity, leaving } from "../testing/objects.ts";
import { changedRecord } from "../testing/record-lists.ts";
import { foundRecord } from "../writer/record/writer-steps.ts";
import { type NodeVolumeAction, type ObservedNodeVolume, planNodeVolume } from "./plan-node-volume.ts";

const a = identity("node-a");
const b = identity("node-b");
const target = "/var/lib/kubelet/pods/1/mount";
const checkpoint = { epoch: 3, accessType: "mount" } as const;
const live = { checkpoint, mount: "live", targets: [target] } as const;
const staged = { checkpoint, mount: "live" } as const;
const recall = { id: "recall-1", since: agoMs(1_000) };
const recalled = anAttachment("node-a", { spec: { recall } });

const marked = anAttachment("node-a", { spec: { staged: true } });

function seen(overrides: Partial<ObservedNodeVolume> = {}): ObservedNodeVolume {
  return {
    node: a,
    record: aRecord(),
    isMultiWriter: false,
    attachment: anAttachment("node-a"),
    statesRequests: true,
    isPreempted: false,
    hasEarlierReservation: false,
    checkpoint: undefined,
    mount: "none",
    targets: [],
    bareTargets: [],
    ...overrides,
  };
}

interface Row {
  readonly because: string;
  readonly seen: ObservedNodeVolume;
  readonly plan: readonly NodeVolumeAction[];
}

function check(rows: readonly Row[]): void {
  for (const { because, seen: observed, plan } of rows)
    assert.deepEqual(planNodeVolume(observed), plan, because);
}

function cleanUp(
  from?: "unverified" | "quarantined",
  ...placeholders: string[]
): readonly NodeVolumeAction[] {
  return [{ kind: "CleanUp", placeholders, from }];
}

describe("planNodeVolume", () => {
  it("does nothing where record and mounts agree", () => {
    check([
      { because: "nothing here", seen: seen(), plan: [] },
      {
        because: "in use by the requested holder",
        seen: seen({ record: aRecord({ writer: aWriter("node-a") }), ...live }),
        plan: [],
      },
      {
        because: "being staged again, which checkpoints the epoch itself",
        seen: seen({ record: aRecord({ writer: aWriter("node-a", { epoch: 9 }) }), checkpoint }),
        plan: [],
      },
      {
        because: "granted, and being staged",
        seen: seen({ record: aRecord({ writer: aWriter("node-a", { held: false }) }), checkpoint }),
        plan: [],
      },
      { because: "another writes", seen: seen({ record: aRecord({ writer: aWriter("node-b") }) }), plan: [] },
      {
        because: "several may write",
        seen: seen({ record: undefined, isMultiWriter: true, ...live, attachment: marked }),
        plan: [],
      },
      {
        because: "an adopted disk that is not requested here: thousands of nodes need not report clean",
        seen: seen({ record: aRecord({ defaultAccess: "quarantined" }), attachment: undefined }),
        plan: [],
      },
    ]);
  });

  // It answers a recall until then.
  it("unmounts and releases an unrequested, unpublished volume", () => {
    const record = aRecord({ writer: aWriter("node-a", { requested: false }) });
    check([
      {
        because: "nothing published",
        seen: seen({ record, ...staged }),
        plan: [{ kind: "Release", recallId: undefined, placeholders: [] }],
      },
      {
        because: "nothing published, recalled",
        seen: seen({ record, ...staged, attachment: recalled }),
        plan: [{ kind: "Release", recallId: "recall-1", placeholders: [] }],
      },
      {
        because: "nothing mounted at all",
        seen: seen({ record }),
        plan: [{ kind: "Release", recallId: undefined, placeholders: [] }],
      },
      { because: "published, not recalled", seen: seen({ record, ...live }), plan: [] },
      {
        because: "published, recalled",
        seen: seen({ record, ...live, attachment: recalled }),
        plan: [{ kind: "AnswerRecall", recallId: "recall-1" }],
      },
      {
        because: "published, but dead: nothing is lost any more",
        seen: seen({ record, ...live, mount: "dead", attachment: recalled }),
        plan: [{ kind: "Release", recallId: "recall-1", placeholders: [target] }],
      },
      {
        because: "being fenced, it may still release",
        seen: seen({ record: { ...record, fencing: a }, ...staged }),
        plan: [{ kind: "Release", recallId: undefined, placeholders: [] }],
      },
    ]);
  });

  it("never reclaims by a mount that it can only read, since another node writes", () => {
    const record = foundRecord({ unverified: [a], epoch: 4, storeIncarnation: 0 });
    check([
      {
        because: "the reservation is its own, or the disk has none",
        seen: seen({ record, ...live }),
        plan: [{ kind: "Reclaim", epochKnown: checkpoint.epoch }],
      },
      {
        because: "another node has the disk reserved",
        seen: seen({ record, ...live, isPreempted: true }),
        plan: cleanUp("unverified", target),
      },
    ]);
  });

  it("removes what the record does not allow, then leaves quarantine", () => {
    check([
      {
        because: "another writes",
        seen: seen({ record: aRecord({ writer: aWriter("node-b") }), ...live }),
        plan: cleanUp(undefined, target),
      },
      {
        because: "another VM of this name wrote",
        seen: seen({ record: aRecord({ writer: { ...aWriter("node-a"), vmId: "older" } }), ...live }),
        plan: cleanUp(undefined, target),
      },
      {
        because: "fenced",
        seen: seen({ record: aRecord({ quarantined: [a] }), ...live, mount: "dead" }),
        plan: cleanUp("quarantined", target),
      },
      {
        because: "fenced, and cleaned up",
        seen: seen({ record: aRecord({ quarantined: [a, b] }) }),
        plan: cleanUp("quarantined"),
      },
      {
        because: "an adopted disk that is to be attached here",
        seen: seen({ record: aRecord({ defaultAccess: "quarantined" }) }),
        plan: cleanUp("quarantined"),
      },
      {
        because: "an adopted disk, reported clean",
        seen: seen({ record: aRecord({ defaultAccess: "quarantined", clean: [a] }) }),
        plan: [],
      },
      {
        because: "a checkpoint of a mount that never happened",
        seen: seen({ checkpoint }),
        plan: cleanUp(),
      },
    ]);
  });

  // A restarted container would write beside its disk.
  it("leaves a placeholder at each target that was not unpublished", () => {
    const record = aRecord({ quarantined: [a] });
    const other = "/var/lib/kubelet/pods/0/mount";
    check([
      {
        because: "bound, or without a mount since a clean-up was stopped",
        seen: seen({ record, ...live, bareTargets: [other] }),
        plan: cleanUp("quarantined", other, target),
      },
      {
        because: "all were removed, and the last has no mount",
        seen: seen({ record, checkpoint, bareTargets: [target] }),
        plan: cleanUp("quarantined", target),
      },
      {
        because: "a raw device's target needs none: nothing is started without its device",
        seen: seen({
          record,
          ...live,
          checkpoint: { ...checkpoint, accessType: "block" },
          bareTargets: [other],
        }),
        plan: cleanUp("quarantined"),
      },
      {
        because: "its unmount was stopped, and it has not released yet",
        seen: seen({
          record: aRecord({ writer: aWriter("node-a", { requested: false }) }),
          checkpoint,
          bareTargets: [target],
        }),
        plan: [{ kind: "Release", recallId: undefined, placeholders: [target] }],
      },
    ]);
  });

  it("reclaims a volume in use after a record loss, and otherwise shows itself clean", () => {
    const record = aRecord({ defaultAccess: "quarantined", unverified: [a] });
    const prove = cleanUp("unverified");
    check([
      { because: "in use", seen: seen({ record, ...live }), plan: [{ kind: "Reclaim", epochKnown: 3 }] },
      { because: "staged and unused", seen: seen({ record, ...staged }), plan: prove },
      {
        because: "dead, and its pod still exists",
        seen: seen({ record, ...live, mount: "dead" }),
        plan: [{ kind: "Reclaim", epochKnown: 3 }],
      },
      {
        because: "in use, and being fenced: its request would be withdrawn again and again",
        seen: seen({ record: { ...record, fencing: a }, ...live }),
        plan: [],
      },
      {
        because: "in use, and its disk may be detached",
        seen: seen({ record: changedRecord(record, { barrierPending: [a] }), ...live }),
        plan: [],
      },
      { because: "dead", seen: seen({ record, ...staged, mount: "dead" }), plan: prove },
      { because: "nothing here", seen: seen({ record }), plan: prove },
      {
        because: "another has reclaimed it, and a pod uses it here",
        seen: seen({ record: { ...record, writer: aWriter("node-b") }, ...live }),
        plan: [{ kind: "ReportDispute", reclaimedBy: "node-b" }],
      },
      {
        because: "another has reclaimed it, and the mount here is dead",
        seen: seen({ record: { ...record, writer: aWriter("node-b") }, ...live, mount: "dead" }),
        plan: cleanUp("unverified", target),
      },
      {
        because: "another has reclaimed it, and no pod uses it here",
        seen: seen({ record: { ...record, writer: aWriter("node-b") }, ...staged }),
        plan: prove,
      },
    ]);
  });

  it("leaves a reclaim to nodes that Azure lists, and first to one that can write", () => {
    const record = aRecord({ defaultAccess: "quarantined", unverified: [a, identity("node-b")] });
    const unconfirmed = { ...a, unconfirmed: true as const };
    const claims: readonly NodeVolumeAction[] = [{ kind: "Reclaim", epochKnown: 3 }];
    check([
      {
        because: "Azure has not listed it yet",
        seen: seen({ record: changedRecord(record, { unverified: [unconfirmed] }), ...live }),
        plan: [],
      },
      {
        because: "its mount is dead, and another node may write",
        seen: seen({ record, ...live, mount: "dead" }),
        plan: [],
      },
      {
        because: "its mount is dead, and the other node is known only from its own word",
        seen: seen({
          record: changedRecord(record, { unverified: [a, { ...identity("node-b"), unconfirmed: true }] }),
          ...live,
          mount: "dead",
        }),
        plan: claims,
      },
      {
        because: "its mount is live, even if another node may write",
        seen: seen({ record, ...live }),
        plan: claims,
      },
    ]);
  });

  it("checkpoints the epoch of a reclaim that it had not written when it died", () => {
    const record = aRecord({ writer: aWriter("node-a", { epoch: 9 }) });
    check([
      {
        because: "the checkpoint has the lost record's epoch",
        seen: seen({ record, ...live }),
        plan: [{ kind: "Checkpoint", epoch: 9 }],
      },
    ]);
  });

  it("reserves the disk under the key of its present grant once that is checkpointed", () => {
    const earlier = { ...live, hasEarlierReservation: true };
    const granted = (changes: Parameters<typeof aWriter>[1]) =>
      aRecord({ writer: aWriter("node-a", changes) });
    check([
      {
        because: "it has reclaimed the volume",
        seen: seen({ record: granted({ epoch: 3 }), ...earlier }),
        plan: [{ kind: "Reserve" }],
      },
      {
        because: "its checkpoint comes first: after a loss it shows the epoch",
        seen: seen({ record: granted({ epoch: 9 }), ...earlier }),
        plan: [{ kind: "Checkpoint", epoch: 9 }],
      },
      {
        because: "the stage reserves a disk that is not mounted",
        seen: seen({ record: granted({ epoch: 3 }), checkpoint, hasEarlierReservation: true }),
        plan: [],
      },
      {
        because: "it has not acquired its grant",
        seen: seen({ record: granted({ epoch: 3, held: false }), ...earlier }),
        plan: [],
      },
    ]);
  });

  // No other component would, and the node would be treated as a replica.
  it("renews its request where the object with it was lost", () => {
    const inUse = { record: aRecord({ writer: aWriter("node-a") }), ...live };
    const state: readonly NodeVolumeAction[] = [{ kind: "RequestWriter" }];
    check([
      { because: "erased", seen: seen({ ...inUse, attachment: undefined }), plan: state },
      {
        because: "erased, and recreated from what Azure shows",
        seen: seen({ ...inUse, attachment: aReplica("node-a") }),
        plan: state,
      },
      {
        because: "the request was withdrawn by a check for leaked ones",
        seen: seen({ ...inUse, attachment: anAttachment("node-a", { spec: { writerRequest: undefined } }) }),
        plan: [],
      },
      {
        because: "it is being deleted, and takes no request",
        seen: seen({ ...inUse, attachment: leaving(aReplica("node-a")) }),
        plan: [],
      },
      {
        because: "no pod uses it: an unstage may have begun",
        seen: seen({ ...inUse, targets: [], attachment: undefined }),
        plan: [],
      },
      {
        because: "its publisher says so",
        seen: seen({ ...inUse, statesRequests: false, attachment: undefined }),
        plan: [],
      },
    ]);
  });

  // No other node waits for this one, and a restarted container would write beside its disk.
  it("leaves a pod's mounts to the unpublish where the disk is elsewhere", () => {
    const dead = { ...live, mount: "dead" } as const;
    const found = aRecord({ defaultAccess: "quarantined" });
    check([
      {
        because: "the disk was on no VM when the record was rebuilt",
        seen: seen({ record: found, ...dead }),
        plan: [],
      },
      {
        because: "nothing has failed yet, or it is a raw device",
        seen: seen({ record: found, ...live }),
        plan: [],
      },
      {
        because: "no pod has it any more",
        seen: seen({ record: found, checkpoint, mount: "dead" }),
        plan: cleanUp("quarantined"),
      },
      {
        because: "it was fenced: its pods are gone from the API",
        seen: seen({ record: changedRecord(found, { quarantined: [a] }), ...dead }),
        plan: cleanUp("quarantined", target),
      },
    ]);
  });

  it("keeps a mount in use while there is no record, and cleans up the rest", () => {
    check([
      { because: "in use", seen: seen({ record: undefined, ...live }), plan: [] },
      {
        because: "staged: its next user may come any moment",
        seen: seen({ record: undefined, ...staged }),
        plan: [],
      },
      {
        because: "dead and published: its pod still exists",
        seen: seen({ record: undefined, ...live, mount: "dead" }),
        plan: [],
      },
      {
        because: "dead",
        seen: seen({ record: undefined, checkpoint, mount: "dead" }),
        plan: cleanUp(),
      },
      {
        because: "only a checkpoint",
        seen: seen({ record: undefined, checkpoint }),
        plan: cleanUp(),
      },
      { because: "nothing", seen: seen({ record: undefined }), plan: [] },
    ]);
  });

  it("treats each single trace as a leftover", () => {
    check([
      { because: "a staging mount", seen: seen({ mount: "live" }), plan: cleanUp() },
      { because: "a target", seen: seen({ targets: [target] }), plan: cleanUp() },
      { because: "a checkpoint", seen: seen({ checkpoint }), plan: cleanUp() },
    ]);
  });

  it("obeys no record where several nodes may write", () => {
    const record = aRecord({ writer: aWriter("node-b"), unverified: [a] });
    const several = seen({ record, isMultiWriter: true, ...live, attachment: marked });
    check([{ because: "in use", seen: several, plan: [] }]);
  });

  // Nothing else tells the controllers that it writes.
  it("states a lost request again where several nodes may write", () => {
    const several = { record: undefined, isMultiWriter: true };
    const lost = { ...several, attachment: undefined };
    check([
      { because: "its object is gone", seen: seen({ ...lost, ...live }), plan: [{ kind: "RequestWriter" }] },
      {
        because: "it was rebuilt as a replica",
        seen: seen({ ...several, attachment: aReplica("node-a"), ...live }),
        plan: [{ kind: "RequestWriter" }],
      },
      { because: "a client publishes it", seen: seen({ ...lost, ...live, statesRequests: false }), plan: [] },
      { because: "nothing is mounted", seen: seen(lost), plan: [] },
    ]);
  });

  // As long as it is reported, controllers keep the disk attached.
  it("drops what an earlier boot has left of a volume that several nodes may write", () => {
    const several = { record: undefined, isMultiWriter: true, attachment: marked };
    const earlier = { ...checkpoint, isOfEarlierBoot: true };
    const unmarks = [{ kind: "TakeBackStaged" }] as const;
    check([
      {
        because: "nothing is mounted",
        seen: seen({ ...several, checkpoint: earlier }),
        plan: [...cleanUp(), ...unmarks],
      },
      { because: "it is staged", seen: seen({ ...several, checkpoint }), plan: [] },
      {
        because: "it is staged, no pod has it, and it is not requested here any more",
        seen: seen({ ...several, checkpoint, attachment: aReplica("node-a", { spec: { staged: true } }) }),
        plan: [...cleanUp(), ...unmarks],
      },
      {
        because: "the same, and a pod has it",
        seen: seen({
          ...several,
          ...live,
          statesRequests: false,
          attachment: aReplica("node-a", { spec: { staged: true } }),
        }),
        plan: [],
      },
      {
        because: "a pod has it again",
        seen: seen({ ...several, ...live, checkpoint: earlier }),
        plan: [],
      },
      {
        because: "a target is still bound",
        seen: seen({ ...several, checkpoint: earlier, targets: [target] }),
        plan: [],
      },
    ]);
  });

  // Controllers mark each attachment that they make, or that an older backup shows.
  it("takes back the mark of what is not here, where several nodes may write", () => {
    const several = { record: undefined, isMultiWriter: true };
    check([
      {
        because: "nothing of it is here",
        seen: seen({ ...several, attachment: marked }),
        plan: [{ kind: "TakeBackStaged" }],
      },
      { because: "a pod has it", seen: seen({ ...several, ...live, attachment: marked }), plan: [] },
      { because: "it has no mark", seen: seen(several), plan: [] },
      { because: "it has no attachment", seen: seen({ ...several, attachment: undefined }), plan: [] },
      { because: "one node writes it", seen: seen({ attachment: marked }), plan: [] },
    ]);
  });

  it("reclaims, and leaves to its pod, only what is mounted", () => {
    const unmounted = { ...live, mount: "none" } as const;
    check([
      {
        because: "nothing is mounted of what it may have written",
        seen: seen({ record: aRecord({ unverified: [a] }), ...unmounted }),
        plan: cleanUp("unverified", target),
      },
      {
        because: "nothing is mounted of an adopted disk",
        seen: seen({ record: aRecord({ defaultAccess: "quarantined" }), ...unmounted }),
        plan: cleanUp("quarantined", target),
      },
      {
        because: "it has no checkpoint of the mount that it reclaims",
        seen: seen({ record: aRecord({ unverified: [a] }), mount: "live", targets: [target] }),
        plan: [{ kind: "Reclaim", epochKnown: 0 }],
      },
    ]);
  });

  it("leaves a grant that it has not acquired, and a request that need not be stated", () => {
    const writer = aWriter("node-a", { epoch: 3 });
    const untaken = aRecord({ writer: aWriter("node-a", { epoch: 9, held: false }) });
    const requested = aReplica("node-a", { spec: { writerRequest: { since: agoMs(0) } } });
    const dead = { ...live, mount: "dead" } as const;
    check([
      { because: "not taken", seen: seen({ record: untaken, ...live }), plan: [] },
      {
        because: "stated",
        seen: seen({ record: aRecord({ writer }), attachment: requested, ...live }),
        plan: [],
      },
      {
        because: "dead",
        seen: seen({ record: aRecord({ writer }), attachment: aReplica("node-a"), ...dead }),
        plan: [],
      },
    ]);
  });
});
